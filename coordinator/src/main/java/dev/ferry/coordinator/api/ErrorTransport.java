package dev.ferry.coordinator.api;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.ferry.common.Errors;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;

/** Errors on their way over gRPC: the status that fits the code, and the whole detail in the trailers. */
public final class ErrorTransport {
    /** Trailer that holds an ErrorDetail message. */
    static final Metadata.Key<byte[]> KEY = Metadata.Key.of("ferry-error-bin", Metadata.BINARY_BYTE_MARSHALLER);

    /** In the description each byte may take three. */
    private static final int MOST_DESCRIPTION = 200;
    private static final int MOST_MESSAGE = 800;
    private static final int MOST_DETAIL = 4000;
    /** In what gRPC says of a stream that the other end has reset, and of no other. */
    private static final String RESET = "RST_STREAM";

    private ErrorTransport() {}

    public static StatusRuntimeException toStatus(Throwable failure) {
        ErrorDetail detail = fitting(Errors.detailOf(failure));
        Metadata trailers = new Metadata();
        trailers.put(KEY, detail.toByteArray());
        Status.Code code = Status.Code.valueOf(Errors.meaning(detail.getCode()).getGrpcStatus());
        return code.toStatus().withDescription(cut(detail.getMessage(), MOST_DESCRIPTION)).asRuntimeException(trailers);
    }

    /** Trailers of more than 8 KiB don't arrive, and with them nothing would: a message may quote what a caller sent. */
    private static ErrorDetail fitting(ErrorDetail detail) {
        ErrorDetail.Builder fitting = detail.toBuilder().setMessage(cut(detail.getMessage(), MOST_MESSAGE)).clearEvidence();
        for (String line : detail.getEvidenceList()) {
            if (fitting.build().getSerializedSize() + 4 * Math.min(line.length(), MOST_MESSAGE) > MOST_DETAIL) {
                break;
            }
            fitting.addEvidence(cut(line, MOST_MESSAGE));
        }
        return fitting.build();
    }

    /** Netty wraps what the kernel says in a word of its own that says nothing. */
    private static String cause(Throwable failure, String otherwise) {
        String said = otherwise;
        for (Throwable cause = failure.getCause(); cause != null; cause = cause.getCause()) {
            if (cause instanceof IOException && cause.getMessage() != null) {
                said = cause.getMessage();
            }
        }
        return said;
    }

    private static String cut(String text, int most) {
        return text.length() <= most ? text : text.substring(0, most) + "...";
    }

    /**
     * The error behind a status.
     *
     * @param server address that was asked, for the message when nobody answered there
     */
    public static FerryException toError(StatusRuntimeException failure, String server) {
        Metadata trailers = failure.getTrailers();
        byte[] detail = trailers == null ? null : trailers.get(KEY);
        if (detail != null) {
            try {
                return new FerryException(ErrorDetail.parseFrom(detail));
            } catch (InvalidProtocolBufferException unreadable) {
                return new FerryException(ErrorCode.INTERNAL, "The coordinator at " + server + " answered with an error that can't be read: " + failure.getStatus(), failure);
            }
        }
        String said = failure.getStatus().getDescription() == null ? failure.getStatus().getCode().name() : failure.getStatus().getDescription();
        return switch (failure.getStatus().getCode()) {
            case UNAVAILABLE -> new FerryException(ErrorCode.COORDINATOR_UNREACHABLE, "No coordinator answers at " + server + ": " + cause(failure, said), failure);
            case DEADLINE_EXCEEDED -> new FerryException(ErrorCode.DEADLINE_EXCEEDED, "The coordinator at " + server + " did not answer in time", failure);
            // One that the other end has reset: whoever worked on it was ended, or it came to its deadline there a moment earlier than here.
            case CANCELLED -> said.contains(RESET)
                    ? new FerryException(ErrorCode.COORDINATOR_UNREACHABLE, "The coordinator at " + server + " dropped the call: " + said, failure)
                    : new FerryException(ErrorCode.CANCELLED, "The call to " + server + " was cancelled: " + said, failure);
            default -> isBroken(failure)
                    ? new FerryException(ErrorCode.COORDINATOR_UNREACHABLE, "The coordinator at " + server + " went away while it was asked: " + cause(failure, said), failure)
                    : new FerryException(ErrorCode.INTERNAL, "The coordinator at " + server + " failed: " + failure.getStatus(), failure);
        };
    }

    /** A status that came over the wire has no cause: this end's own connection broke. gRPC calls it UNKNOWN when it is closed between two writes. */
    private static boolean isBroken(StatusRuntimeException failure) {
        for (Throwable cause = failure.getCause(); cause != null; cause = cause.getCause()) {
            if (cause instanceof IOException) {
                return true;
            }
        }
        return false;
    }
}
