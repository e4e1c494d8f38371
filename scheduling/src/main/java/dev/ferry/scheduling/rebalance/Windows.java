package dev.ferry.scheduling.rebalance;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.time.DayOfWeek;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Times in which something may be done, UTC: {@code 22:00-06:00; Sat-Sun 00:00-24:00}. One that goes over midnight belongs to the day on which it begins; without days it is of every day.
 *
 * @param parts empty: never
 */
public record Windows(List<Window> parts) {
    private static final int MINUTES_A_DAY = 24 * 60;
    private static final int MINUTES_AN_HOUR = 60;
    private static final Pattern WINDOW = Pattern.compile("(?:([A-Za-z]{3})(?:-([A-Za-z]{3}))? +)?(\\d{2}):(\\d{2})-(\\d{2}):(\\d{2})");

    /**
     * One of them.
     *
     * @param days on which it begins
     * @param from minute of the day
     * @param minutes how long it is
     */
    public record Window(List<DayOfWeek> days, int from, int minutes) {
        public Window {
            days = List.copyOf(days);
        }

        private boolean contains(DayOfWeek day, int minute) {
            boolean ofToday = days.contains(day) && minute >= from && minute < from + minutes;
            return ofToday || days.contains(day.minus(1)) && minute + MINUTES_A_DAY < from + minutes;
        }
    }

    public Windows {
        parts = List.copyOf(parts);
    }

    /**
     * @throws FerryException CONFIG_INVALID
     */
    public static Windows parse(String text) {
        List<Window> parts = new ArrayList<>();
        for (String part : text.split(";", -1)) {
            if (!part.isBlank()) {
                parts.add(window(part.strip()));
            }
        }
        return new Windows(parts);
    }

    private static Window window(String text) {
        Matcher matcher = WINDOW.matcher(text);
        if (!matcher.matches()) {
            throw wrong(text);
        }
        int from = minute(matcher.group(3), matcher.group(4), text);
        int until = minute(matcher.group(5), matcher.group(6), text);
        if (from == until || from == MINUTES_A_DAY) {
            throw wrong(text);
        }
        return new Window(days(matcher.group(1), matcher.group(2), text), from, until > from ? until - from : until + MINUTES_A_DAY - from);
    }

    private static int minute(String hours, String minutes, String text) {
        int minute = Integer.parseInt(hours) * MINUTES_AN_HOUR + Integer.parseInt(minutes);
        if (minute > MINUTES_A_DAY || Integer.parseInt(minutes) >= MINUTES_AN_HOUR) {
            throw wrong(text);
        }
        return minute;
    }

    private static List<DayOfWeek> days(@Nullable String first, @Nullable String last, String text) {
        if (first == null) {
            return List.of(DayOfWeek.values());
        }
        List<DayOfWeek> days = new ArrayList<>(List.of(day(first, text)));
        DayOfWeek end = last == null ? days.getFirst() : day(last, text);
        while (days.getLast() != end) {
            days.add(days.getLast().plus(1));
        }
        return days;
    }

    private static DayOfWeek day(String name, String text) {
        for (DayOfWeek day : DayOfWeek.values()) {
            if (day.name().startsWith(name.toUpperCase(Locale.ROOT))) {
                return day;
            }
        }
        throw wrong(text);
    }

    private static FerryException wrong(String text) {
        return new FerryException(ErrorCode.CONFIG_INVALID, "'" + text + "' is no window; write 22:00-06:00, or Sat-Sun 00:00-24:00, and ; between several");
    }

    /**
     * Whether it may be done now.
     *
     * @param at milliseconds since 1970
     */
    public boolean contains(long at) {
        ZonedDateTime time = Instant.ofEpochMilli(at).atZone(ZoneOffset.UTC);
        int minute = time.getHour() * MINUTES_AN_HOUR + time.getMinute();
        return parts.stream().anyMatch(part -> part.contains(time.getDayOfWeek(), minute));
    }
}
