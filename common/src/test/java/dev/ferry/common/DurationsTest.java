package dev.ferry.common;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class DurationsTest {
    @Test
    void readsWhatPeopleWrite() {
        assertThat(Durations.parse("500ms")).isEqualTo(Duration.ofMillis(500));
        assertThat(Durations.parse("10s")).isEqualTo(Duration.ofSeconds(10));
        assertThat(Durations.parse(" 2 m ")).isEqualTo(Duration.ofMinutes(2));
        assertThat(Durations.parse("1H")).isEqualTo(Duration.ofHours(1));
    }

    @Test
    void refusesANumberWithoutUnitAndNamesIt() {
        assertThatThrownBy(() -> Durations.parse("10")).isInstanceOf(FerryException.class).hasMessageContaining("'10'");
        assertThatThrownBy(() -> Durations.parse("99999999999999999999s")).isInstanceOf(FerryException.class).hasMessageContaining("too long");
    }

    @Test
    void writesAFewDigits() {
        assertThat(Durations.format(Duration.ofNanos(3_420_000))).isEqualTo("3.4 ms");
        assertThat(Durations.format(Duration.ofMillis(1250))).isEqualTo("1.25 s");
        assertThat(Durations.format(Duration.ofSeconds(125))).isEqualTo("2m 5s");
    }
}
