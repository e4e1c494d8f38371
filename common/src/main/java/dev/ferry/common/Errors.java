package dev.ferry.common;

import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import dev.ferry.proto.v1.ErrorMeaning;
import dev.ferry.proto.v1.ErrorsProto;
import java.io.PrintWriter;
import java.io.StringWriter;

/** What each {@link ErrorCode} means to each kind of caller: the options of errors.proto. */
public final class Errors {
    private Errors() {}

    public static ErrorMeaning meaning(ErrorCode code) {
        ErrorCode known = code == ErrorCode.UNRECOGNIZED ? ErrorCode.ERROR_CODE_UNSPECIFIED : code;
        return known.getValueDescriptor().getOptions().getExtension(ErrorsProto.error);
    }

    /** What a failure says of itself to another part: its own detail, or INTERNAL with its trace. */
    public static ErrorDetail detailOf(Throwable failure) {
        if (failure instanceof FerryException ferry) {
            return ferry.detail();
        }
        StringWriter trace = new StringWriter();
        failure.printStackTrace(new PrintWriter(trace));
        return ErrorDetail.newBuilder()
                .setCode(ErrorCode.INTERNAL)
                .setMessage(failure.toString())
                .addAllEvidence(trace.toString().lines().limit(12).toList())
                .build();
    }
}
