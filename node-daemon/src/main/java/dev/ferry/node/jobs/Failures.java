package dev.ferry.node.jobs;

import dev.ferry.common.Errors;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What is made of an action that failed: what the coordinator is told, what is logged, when it is tried again. */
final class Failures {
    private static final Logger LOG = LoggerFactory.getLogger(Failures.class);

    /** After what can't be written down, or can't be ended, it is tried again; the disk may be full, or a process stuck in the kernel, for as long as it likes. */
    static final Duration AGAIN = Duration.ofSeconds(5);

    private Failures() {}

    /** Does what may fail without an end to what comes behind it: the failure is logged. */
    static void guarded(LocalJob job, String what, Phases.Act act) {
        try {
            act.run();
        } catch (Exception | Error failed) {
            LOG.error("job {}: {} failed", job.id(), what, failed);
        }
    }

    /**
     * @param otherwise the code of an I/O error that is not a full disk
     */
    static ErrorDetail detail(Throwable failure, ErrorCode otherwise) {
        if (failure instanceof FerryException || !(failure instanceof IOException io)) {
            return Errors.detailOf(failure);
        }
        String where = io instanceof FileSystemException file && file.getFile() != null ? file.getFile() + ": " : "";
        String message = io.getMessage() == null ? io.toString() : io.getMessage();
        boolean full = message.contains("No space left on device") || message.contains("Disk quota exceeded");
        return new FerryException(full ? ErrorCode.DISK_FULL : otherwise, (message.startsWith(where) ? "" : where) + message).detail();
    }
}
