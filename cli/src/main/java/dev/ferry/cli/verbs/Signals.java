package dev.ferry.cli.verbs;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.util.Locale;
import java.util.Map;

/** Names of signals, with their numbers on Linux. */
final class Signals {
    private static final Map<String, Integer> NUMBERS =
            Map.ofEntries(
                    Map.entry("HUP", 1), Map.entry("INT", 2), Map.entry("QUIT", 3), Map.entry("ABRT", 6), Map.entry("USR1", 10), Map.entry("USR2", 12),
                    Map.entry("ALRM", 14), Map.entry("TERM", 15), Map.entry("CHLD", 17), Map.entry("CONT", 18), Map.entry("STOP", 19), Map.entry("TSTP", 20),
                    Map.entry("URG", 23), Map.entry("WINCH", 28), Map.entry("KILL", 9));

    private Signals() {}

    /**
     * The number of a signal.
     *
     * @param text a name, with or without SIG, or a number
     * @throws FerryException INVALID_ARGUMENT
     */
    static int number(String text) {
        Integer known = NUMBERS.get(text.toUpperCase(Locale.ROOT).replaceFirst("^SIG", ""));
        if (known != null) {
            return known;
        }
        if (text.matches("\\d{1,2}")) {
            return Integer.parseInt(text);
        }
        throw new FerryException(ErrorCode.INVALID_ARGUMENT, "'" + text + "' is not a signal; known: " + String.join(" ", NUMBERS.keySet().stream().sorted().toList()) + ", or a number");
    }
}
