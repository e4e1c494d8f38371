package dev.ferry.cli.output;

import dev.ferry.common.Errors;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;

/** An error as a person reads it, or as a program does. */
public final class Failure {
    private Failure() {}

    /**
     * Prints an error to standard error; for a program as a document to standard output.
     *
     * @return the exit status
     */
    public static int print(Throwable failure, boolean json) {
        ErrorDetail detail = withAdvice(Errors.detailOf(FileFailure.of(failure).<Throwable>map(file -> file).orElse(failure)));
        if (json) {
            System.out.println(Json.print(detail));
        } else {
            System.err.print(text(detail));
        }
        return Errors.meaning(detail.getCode()).getExitStatus();
    }

    /** Whoever reads standard output has gone, or the disk that it goes to is full; not everything was written. */
    public static FerryException outputClosed() {
        return new FerryException(ErrorDetail.newBuilder().setCode(ErrorCode.CANCELLED).setMessage("Standard output is closed or full: not everything could be written").setAdvice("Look at where the output goes: a full disk, or a program that has ended.").build());
    }

    private static ErrorDetail withAdvice(ErrorDetail detail) {
        return detail.getAdvice().isEmpty() ? detail.toBuilder().setAdvice(new FerryException(detail).advice()).build() : detail;
    }

    /** Message, the lines that decided it, what to do, and the code. */
    public static String text(ErrorDetail detail) {
        StringBuilder text = new StringBuilder("ferry: ").append(Texts.plainLines(detail.getMessage())).append(" [").append(detail.getCode()).append("]\n");
        detail.getEvidenceList().forEach(line -> text.append("    ").append(Texts.plain(line)).append('\n'));
        String advice = withAdvice(detail).getAdvice();
        if (!advice.isEmpty()) {
            text.append("  what to do: ").append(advice).append('\n');
        }
        return text.toString();
    }
}
