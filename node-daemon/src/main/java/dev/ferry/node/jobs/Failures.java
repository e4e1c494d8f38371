package dev.ferry.node.jobs;

import dev.ferry.common.DurableFile;
import dev.ferry.common.Errors;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.time.Duration;
import java.util.Objects;
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
        if (failure instanceof UncheckedIOException wrapped) {
            IOException io = Objects.requireNonNull(wrapped.getCause());
            // One that names no file is said with what was to be done.
            String what = Objects.equals(wrapped.getMessage(), io.toString()) ? "" : wrapped.getMessage() + ": ";
            return detail(io, what, otherwise);
        }
        if (failure instanceof FerryException || !(failure instanceof IOException io)) {
            return Errors.detailOf(failure);
        }
        return detail(io, "", otherwise);
    }

    private static ErrorDetail detail(IOException io, String what, ErrorCode otherwise) {
        String where = io instanceof FileSystemException file && file.getFile() != null ? file.getFile() + ": " : "";
        String message = io.getMessage() == null ? io.toString() : io.getMessage();
        return new FerryException(DurableFile.isFull(io) ? ErrorCode.DISK_FULL : otherwise, what + (message.startsWith(where) ? "" : where) + message).detail();
    }
}
