package dev.ferry.scheduling.fresh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.time.Duration;
import java.util.SplittableRandom;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FreshTest {
    private static final Duration NOTICE = Duration.ofSeconds(120);
    private static final Duration MARGIN = Duration.ofSeconds(20);

    private static FreshPolicy.Facts facts(Duration cost, Duration mean, double changed, double link) {
        return new FreshPolicy.Facts(cost, mean, changed, link, NOTICE, MARGIN);
    }

    /** The formula by hand: cost 300 s, M 24 h: sqrt(2 * 300 * 86400) = 7200, x = 300 / 172800. */
    @Test
    void theIntervalIsDalys() {
        double x = 300.0 / 172_800;
        double expected = 7200 * (1 + Math.sqrt(x) / 3 + x / 9) - 300;
        assertThat(Daly.interval(Duration.ofSeconds(300), Duration.ofHours(24)).toMillis() / 1000.0).isCloseTo(expected, within(0.01));
        assertThat(Daly.interval(Duration.ofHours(5), Duration.ofHours(2))).as("images that take longer than machines live").isEqualTo(Duration.ofHours(2));
        assertThatThrownBy(() -> Daly.interval(Duration.ZERO, Duration.ofHours(1))).isInstanceOf(IllegalArgumentException.class);
    }

    @ParameterizedTest
    @CsvSource({"500, 3600", "500, 36000", "20000, 3600", "60000, 2880", "200000, 7200"})
    void noOtherIntervalDoesMoreWorkThatCounts(long costMillis, long meanSeconds) {
        Duration cost = Duration.ofMillis(costMillis);
        Duration mean = Duration.ofSeconds(meanSeconds);
        Duration restart = Duration.ofSeconds(5);
        double best = Daly.usefulShare(Daly.interval(cost, mean), cost, mean, restart);
        for (double factor : new double[] {0.1, 0.3, 0.5, 0.7, 1.4, 2, 4, 10}) {
            Duration other = Duration.ofNanos((long) (Daly.interval(cost, mean).toNanos() * factor));
            assertThat(Daly.usefulShare(other, cost, mean, restart)).as("%s times the interval", factor).isLessThan(best);
        }
    }

    @Test
    void halfASecondOfFreezeLeavesNinetySevenPercentEvenWhereMachinesLiveForAnHour() {
        Duration cost = Duration.ofMillis(500);
        Duration mean = Duration.ofMinutes(48);
        assertThat(Daly.usefulShare(Daly.interval(cost, mean), cost, mean, Duration.ofSeconds(10))).isGreaterThan(0.97);
    }

    @RepeatedTest(50)
    void theHazardComesToTheTrueRateAndCountsLivesThatGoOn(RepetitionInfo repetition) {
        SplittableRandom random = new SplittableRandom(repetition.getCurrentRepetition());
        double perHour = 0.05 + random.nextDouble();
        Hazard hazard = Hazard.PRIOR;
        double cut = 2.0 / perHour;
        for (int i = 0; i < 2000; i++) {
            double life = -Math.log(1 - random.nextDouble()) / perHour;
            boolean goesOn = life > cut;
            hazard = hazard.after(goesOn ? 0 : 1, Duration.ofMillis(Math.round(Math.min(life, cut) * 3_600_000)));
        }
        assertThat(hazard.perHour()).isCloseTo(perHour, within(0.12 * perHour));
    }

    @Test
    void aPoolOfWhichNothingWasSeenIsBelievedToBeAsTheOthers() {
        assertThat(Hazard.PRIOR.meanTime()).isEqualTo(Duration.ofHours(24));
        assertThat(Hazard.PRIOR.after(0, Duration.ofHours(1000)).perHour()).isLessThan(Hazard.PRIOR.perHour() / 50);
        assertThat(Hazard.PRIOR.after(30, Duration.ofHours(30)).isRaisedAbove(Hazard.PRIOR)).isTrue();
        assertThat(Hazard.PRIOR.after(1, Duration.ofHours(20)).isRaisedAbove(Hazard.PRIOR)).as("one interruption tells little").isFalse();
        assertThat(Hazard.PRIOR.after(10, Duration.ofHours(10)).meanTimeUncovered(10, 0)).isGreaterThan(Hazard.PRIOR.after(10, Duration.ofHours(10)).meanTime().multipliedBy(10));
    }

    @Test
    void neverIsNeverAndEveryIsWhatWasAskedFor() {
        assertThat(FreshPolicy.never().interval(facts(Duration.ofSeconds(1), Duration.ofHours(1), 0, 1))).isEmpty();
        assertThat(FreshPolicy.every(Duration.ofMinutes(10)).interval(facts(Duration.ofMillis(500), Duration.ofHours(1), 1e9, 1)).orElseThrow().interval()).isEqualTo(Duration.ofMinutes(10));
    }

    @Test
    void whatChangedMustFitIntoTheNotice() {
        // 10 MB/s of change, 100 MB/s of link, 100 s of usable notice: full after 1000 s.
        FreshPolicy.Interval budget = FreshPolicy.auto().interval(facts(Duration.ofSeconds(2), Duration.ofHours(200), 10e6, 100e6)).orElseThrow();
        assertThat(budget.interval()).isEqualTo(Duration.ofSeconds(1000));
        assertThat(budget.why()).contains("notice");
        assertThat(FreshPolicy.auto().interval(facts(Duration.ofSeconds(2), Duration.ofHours(200), 0, 100e6)).orElseThrow().why()).contains("Daly");
    }

    @RepeatedTest(200)
    void theShareOfFrozenTimeIsKept(RepetitionInfo repetition) {
        SplittableRandom random = new SplittableRandom(repetition.getCurrentRepetition());
        FreshPolicy policy = new FreshPolicy(random.nextBoolean() ? FreshPolicy.Mode.AUTO : FreshPolicy.Mode.EVERY, Duration.ofSeconds(1 + random.nextInt(1000)), 0.001 + 0.5 * random.nextDouble());
        Duration cost = Duration.ofMillis(1 + random.nextInt(60_000));
        FreshPolicy.Interval interval = policy.interval(facts(cost, Duration.ofSeconds(1 + random.nextInt(100_000)), 1e9 * random.nextDouble(), 1e9 * random.nextDouble())).orElseThrow();
        double share = cost.toNanos() / (double) (cost.toNanos() + interval.interval().toNanos());
        assertThat(share).isLessThanOrEqualTo(policy.mostFrozen() * 1.0001);
    }
}
