package dev.ferry.scheduling.usage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.ferry.scheduling.Trees;
import java.time.LocalDateTime;
import org.junit.jupiter.api.Test;

class UsageTest {
    @Test
    void halfIsLeftAfterAHalfLifeAsSlurmCountsIt() {
        Decay week = Decay.ofHalfLife(604_800);
        assertThat(week.perSecond()).isEqualTo(1 - 0.693 / 604_800);
        assertThat(week.after(604_800)).isCloseTo(0.5, within(1e-3));
        assertThat(Decay.ofHalfLife(0).after(1e9)).isEqualTo(1);
        assertThatThrownBy(() -> Decay.ofHalfLife(-1)).hasMessageContaining("-1");
    }

    @Test
    void newUseIsDiscountedBySecondsOfItsPeriodAndTimesTheFactorOfItsQos() {
        Decay decay = Decay.ofHalfLife(600);
        assertThat(decay.newUsage(10, 3, 0.5)).isCloseTo(10 * Math.pow(1 - 0.693 / 600, 10) * 3 * 0.5, within(1e-12));
        assertThat(Decay.NONE.newUsage(10, 3, 2)).isEqualTo(60);
    }

    @Test
    void anAccountsUseIsThatOfItsMembersAndAResetForgetsAll() {
        UsageTable usage = new Trees().account("a", "root", 1).user("x", "a", 1, 30).user("y", "a", 1, 10).user("z", "root", 1, 60).usage();
        int a = usage.tree().findAccount("a").getAsInt();
        assertThat(usage.of(a)).isEqualTo(Extended.of(40.0));
        assertThat(usage.normalized(a).toDouble()).isEqualTo(0.4);
        usage.decay(0.5);
        assertThat(usage.of(0)).isEqualTo(Extended.of(50.0));
        usage.reset();
        assertThat(usage.of(0)).isEqualTo(Extended.ZERO);
        assertThat(usage.normalized(a)).isEqualTo(Extended.ZERO);
    }

    @Test
    void resetsComeAtMidnight() {
        LocalDateTime wednesday = LocalDateTime.parse("2026-11-25T03:00:00");
        assertThat(ResetPeriod.NONE.next(wednesday)).isEmpty();
        assertThat(ResetPeriod.DAILY.next(wednesday)).hasValue(LocalDateTime.parse("2026-11-26T00:00:00"));
        assertThat(ResetPeriod.WEEKLY.next(wednesday)).hasValue(LocalDateTime.parse("2026-11-29T00:00:00"));
        assertThat(ResetPeriod.MONTHLY.next(wednesday)).hasValue(LocalDateTime.parse("2026-12-01T00:00:00"));
        assertThat(ResetPeriod.QUARTERLY.next(wednesday)).hasValue(LocalDateTime.parse("2027-01-01T00:00:00"));
        assertThat(ResetPeriod.YEARLY.next(wednesday)).hasValue(LocalDateTime.parse("2027-01-01T00:00:00"));
        assertThat(ResetPeriod.DAILY.isBetween(wednesday, LocalDateTime.parse("2026-11-26T00:00:00"))).isTrue();
        assertThat(ResetPeriod.DAILY.isBetween(wednesday, LocalDateTime.parse("2026-11-25T23:59:59"))).isFalse();
    }
}
