package dev.ferry.cli.output;

import dev.ferry.common.Errors;
import dev.ferry.common.FerryException;
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
        ErrorDetail detail = withAdvice(Errors.detailOf(failure));
        if (json) {
            System.out.println(Json.print(detail));
        } else {
            System.err.print(text(detail));
        }
        return Errors.meaning(detail.getCode()).getExitStatus();
    }

    private static ErrorDetail withAdvice(ErrorDetail detail) {
        return detail.getAdvice().isEmpty() ? detail.toBuilder().setAdvice(new FerryException(detail).advice()).build() : detail;
    }

    /** Message, the lines that decided it, what to do, and the code. */
    public static String text(ErrorDetail detail) {
        StringBuilder text = new StringBuilder("ferry: ").append(detail.getMessage()).append(" [").append(detail.getCode()).append("]\n");
        detail.getEvidenceList().forEach(line -> text.append("    ").append(line).append('\n'));
        String advice = withAdvice(detail).getAdvice();
        if (!advice.isEmpty()) {
            text.append("  what to do: ").append(advice).append('\n');
        }
        return text.toString();
    }
}
