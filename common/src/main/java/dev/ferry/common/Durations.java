package dev.ferry.common;

import dev.ferry.proto.v1.ErrorCode;
import java.time.Duration;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Times as people write and read them: 500ms, 10s, 2m, 1h. */
public final class Durations {
    private static final Pattern FORM = Pattern.compile("(\\d+)\\s*(ms|s|m|h|d)", Pattern.CASE_INSENSITIVE);

    private Durations() {}

    /**
     * @throws FerryException INVALID_ARGUMENT when the text is not a time with a unit
     */
    public static Duration parse(String text) {
        Matcher matcher = FORM.matcher(text.trim());
        if (!matcher.matches()) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "'" + text + "' is not a time; write for example 500ms, 10s, 2m or 1h");
        }
        try {
            long count = Long.parseLong(matcher.group(1));
            return switch (matcher.group(2).toLowerCase(Locale.ROOT)) {
                case "ms" -> Duration.ofMillis(count);
                case "s" -> Duration.ofSeconds(count);
                case "m" -> Duration.ofMinutes(count);
                case "h" -> Duration.ofHours(count);
                default -> Duration.ofDays(count);
            };
        } catch (ArithmeticException | NumberFormatException tooLarge) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "'" + text + "' is too long a time");
        }
    }

    /** With the precision that a person wants: 3.4 ms, 1.25 s, 2m 5s. */
    public static String format(Duration time) {
        double millis = time.toNanos() / 1e6;
        if (millis < 1000) {
            return String.format(Locale.ROOT, millis < 10 ? "%.1f ms" : "%.0f ms", millis);
        }
        if (millis < 60_000) {
            return String.format(Locale.ROOT, "%.2f s", millis / 1000);
        }
        long seconds = time.toSeconds();
        return seconds < 3600 ? seconds / 60 + "m " + seconds % 60 + "s" : seconds / 3600 + "h " + seconds / 60 % 60 + "m";
    }
}
