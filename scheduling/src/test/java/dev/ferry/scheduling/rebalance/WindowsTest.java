package dev.ferry.scheduling.rebalance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WindowsTest {
    /** Of November 2026, which begins on a Sunday. */
    private static boolean contains(String windows, String dayAndTime) {
        return Windows.parse(windows).contains(Instant.parse("2026-11-" + dayAndTime + ":30Z").toEpochMilli());
    }

    @Test
    void oneOverMidnightBelongsToTheDayOnWhichItBegins() {
        assertThat(contains("22:00-06:00", "03T22:00")).isTrue();
        assertThat(contains("22:00-06:00", "04T05:59")).isTrue();
        assertThat(contains("22:00-06:00", "04T06:00")).isFalse();
        assertThat(contains("22:00-06:00", "04T21:59")).isFalse();
        assertThat(contains("Fri 22:00-06:00", "06T23:00")).isTrue();
        assertThat(contains("Fri 22:00-06:00", "07T05:00")).isTrue();
        assertThat(contains("Fri 22:00-06:00", "07T23:00")).isFalse();
        assertThat(contains("Fri 22:00-06:00", "06T05:00")).isFalse();
    }

    @Test
    void severalAndDaysOverTheEndOfTheWeek() {
        String windows = "Sat-Sun 00:00-24:00; 12:00-13:00";
        assertThat(contains(windows, "07T00:00")).isTrue();
        assertThat(contains(windows, "08T23:59")).isTrue();
        assertThat(contains(windows, "09T00:00")).isFalse();
        assertThat(contains(windows, "09T12:30")).isTrue();
        assertThat(contains("Sun-Mon 08:00-09:00", "09T08:00")).isTrue();
        assertThat(contains("Sun-Mon 08:00-09:00", "10T08:00")).isFalse();
        assertThat(contains("", "09T12:30")).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"always", "22:00", "22:00-22:00", "24:00-01:00", "25:00-26:00", "10:60-11:00", "Foo 10:00-11:00", "10:00-24:01", "10:00-11:00, 12:00-13:00"})
    void whatIsNoWindowIsRefused(String text) {
        assertThatThrownBy(() -> Windows.parse(text)).isInstanceOf(FerryException.class).hasMessageContaining("is no window");
    }
}
