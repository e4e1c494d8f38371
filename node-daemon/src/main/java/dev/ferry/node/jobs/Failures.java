package dev.ferry.node.jobs;

import dev.ferry.common.Errors;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import java.io.IOException;
import java.nio.file.FileSystemException;

/** What a failed action tells the coordinator. */
final class Failures {
    private Failures() {}

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
