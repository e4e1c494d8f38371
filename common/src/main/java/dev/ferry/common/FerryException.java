package dev.ferry.common;

import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The one exception that carries an error to a user: a stable code, a message that names what is
 * wrong and where, and, from a tool's log, the lines that decided it.
 */
public final class FerryException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final transient ErrorDetail detail;

    public FerryException(ErrorCode code, String message) {
        this(code, message, List.of(), null);
    }

    public FerryException(ErrorCode code, String message, @Nullable Throwable cause) {
        this(code, message, List.of(), cause);
    }

    /**
     * @param evidence decisive lines of a tool's log, oldest first
     */
    public FerryException(
            ErrorCode code, String message, List<String> evidence, @Nullable Throwable cause) {
        this(
                ErrorDetail.newBuilder()
                        .setCode(code)
                        .setMessage(message)
                        .addAllEvidence(evidence)
                        .build(),
                cause);
    }

    public FerryException(ErrorDetail detail) {
        this(detail, null);
    }

    private FerryException(ErrorDetail detail, @Nullable Throwable cause) {
        super(detail.getMessage(), cause);
        this.detail = detail;
    }

    /** What is wrong and where. */
    @Override
    public String getMessage() {
        return detail.getMessage();
    }

    public ErrorCode code() {
        return detail.getCode();
    }

    public ErrorDetail detail() {
        return detail;
    }

    /** What to do about it: this error's own advice, else the code's. */
    public String advice() {
        return detail.getAdvice().isEmpty() ? Errors.meaning(code()).getAdvice() : detail.getAdvice();
    }
}
