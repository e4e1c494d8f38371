package dev.ferry.cli.slurm;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.scheduling.usage.Extended;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** How Slurm writes numbers and times, and how it reads them. */
final class SlurmText {
    private static final double WIRE = 1_000_000;
    /** After days come hours; without days a single number is minutes, and two are minutes and seconds. */
    private static final Pattern SPAN = Pattern.compile("(\\d{1,9})-(\\d{1,9})(?::(\\d{1,9}))?(?::(\\d{1,9}))?|(?:(\\d{1,9}):)?(\\d{1,9}):(\\d{1,9})|(\\d{1,9})");
    private static final int DAY = 86_400;
    private static final int HOUR = 3600;
    private static final int MINUTE = 60;
    private static final int FIRST_SECONDS = 19;

    private SlurmText() {}

    /** C's {@code %.Nf}: the exact value of the double rounded half to even, which String.format would round half up. */
    static String fixed(double value, int decimals) {
        return Double.isInfinite(value) ? "inf" : new BigDecimal(value).setScale(decimals, RoundingMode.HALF_EVEN).toPlainString();
    }

    /** {@code %.Nf} of a long double. */
    static String fixed(Extended value, int decimals) {
        return value == Extended.INFINITY ? "inf" : value.toBigDecimal().setScale(decimals, RoundingMode.HALF_EVEN).toPlainString();
    }

    /** What a double is when it has come from slurmctld: its messages carry the number times a million, which costs up to a bit. */
    static double sent(double value) {
        return value * WIRE / WIRE;
    }

    /**
     * Reads a span of time as Slurm does: {@code 7-00:00:00}, {@code 7-12}, {@code 7-12:30}, {@code 01:00:00}, {@code 30:00} (minutes and seconds), {@code 30} (minutes).
     *
     * @return seconds
     */
    static long span(String text, String where) {
        Matcher matcher = SPAN.matcher(text.trim());
        if (!matcher.matches()) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, where + " is '" + text + "', which is not a time of Slurm's form days-hours:minutes:seconds");
        }
        if (matcher.group(1) != null) {
            return number(matcher.group(1)) * DAY + number(matcher.group(2)) * HOUR + number(matcher.group(3)) * MINUTE + number(matcher.group(4));
        }
        return number(matcher.group(5)) * HOUR + (number(matcher.group(6)) + number(matcher.group(8))) * MINUTE + number(matcher.group(7));
    }

    private static long number(@Nullable String digits) {
        return digits == null ? 0 : Long.parseLong(digits);
    }

    /**
     * Reads a time such as {@code 2026-11-23T14:10:14.037}; fractions of seconds are cut off, as Slurm counts in seconds. Slurm writes local time: only differences are of use.
     *
     * @return seconds
     */
    static long instant(String text, String where) {
        try {
            return LocalDateTime.parse(text.length() > FIRST_SECONDS ? text.substring(0, FIRST_SECONDS) : text).toEpochSecond(ZoneOffset.UTC);
        } catch (DateTimeParseException unreadable) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, where + " is '" + text + "', which is not a time of the form 2026-11-23T14:10:14", unreadable);
        }
    }

    static String instant(long seconds) {
        return LocalDateTime.ofEpochSecond(seconds, 0, ZoneOffset.UTC).format(DateTimeFormatter.ISO_LOCAL_DATE_TIME);
    }
}
