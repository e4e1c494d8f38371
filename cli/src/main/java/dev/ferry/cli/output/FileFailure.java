package dev.ferry.cli.output;

import dev.ferry.common.DurableFile;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.util.Objects;
import java.util.Optional;

/** What is wrong with a file that the user has named: no bug of Ferry's, though the JDK tells it by exceptions of all kinds. */
final class FileFailure {
    private FileFailure() {}

    /** Empty: it is something else. */
    static Optional<FerryException> of(Throwable failure) {
        return switch (failure) {
            case UncheckedIOException wrapped -> of(Objects.requireNonNull(wrapped.getCause()));
            case InvalidPathException path -> Optional.of(new FerryException(ErrorCode.INVALID_ARGUMENT, "'" + path.getInput() + "' is no name of a file: " + path.getReason(), path));
            case IOException failed when DurableFile.isFull(failed) -> Optional.of(new FerryException(ErrorCode.DISK_FULL, said(failed), failed));
            case IOException failed when text(failed).contains("Broken pipe") -> Optional.of(Failure.outputClosed());
            case FileSystemException failed -> Optional.of(new FerryException(ErrorCode.INVALID_ARGUMENT, said(failed), failed));
            case FileNotFoundException failed -> Optional.of(new FerryException(ErrorCode.INVALID_ARGUMENT, text(failed), failed));
            default -> Optional.empty();
        };
    }

    private static String text(IOException failed) {
        return String.valueOf(failed.getMessage());
    }

    /** These three say no more than the name. */
    private static String said(IOException failed) {
        return switch (failed) {
            case NoSuchFileException none -> "There is no file or folder " + none.getFile();
            case AccessDeniedException denied -> "You may not read or write " + denied.getFile();
            case FileAlreadyExistsException there -> "There is " + there.getFile() + " already";
            default -> text(failed);
        };
    }
}
