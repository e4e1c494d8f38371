package dev.ferry.scheduling.fresh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Machines that live for 0.8 to 10 hours, an image that freezes for half a second: the table in docs/spot.md. */
class SpotReplayTest {
    private static final double MIB = 1 << 20;
    private static final SpotReplay.Terms UNTOLD = new SpotReplay.Terms(Duration.ofMillis(500), Duration.ofSeconds(60), 20 * MIB, 16_384 * MIB, 200 * MIB, Duration.ZERO, Duration.ZERO);
    private static final SpotReplay.Terms TOLD = new SpotReplay.Terms(Duration.ofMillis(500), Duration.ofSeconds(60), 20 * MIB, 16_384 * MIB, 200 * MIB, Duration.ofSeconds(30), Duration.ofSeconds(4));

    /** As many short lives as long ones by their order of magnitude, as lives of spot machines go. */
    private static List<Duration> lives() {
        SplittableRandom random = new SplittableRandom(7);
        List<Duration> lives = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            lives.add(Duration.ofMillis(Math.round(0.8 * Math.pow(10 / 0.8, random.nextDouble()) * 3_600_000)));
        }
        return lives;
    }

    private static Duration mean(List<Duration> lives) {
        return lives.stream().reduce(Duration.ZERO, Duration::plus).dividedBy(lives.size());
    }

    @Test
    void dalyWithTheDeltaBudgetAndNoticesLosesTheLeast() {
        List<Duration> lives = lives();
        Duration daly = Daly.interval(UNTOLD.cost(), mean(lives));
        FreshPolicy.Facts facts = new FreshPolicy.Facts(TOLD.cost(), mean(lives), TOLD.changedBytesPerSecond(), TOLD.linkBytesPerSecond(), TOLD.notice(), TOLD.margin());
        Duration budget = FreshPolicy.auto().interval(facts).orElseThrow().interval();
        SpotReplay.Spent hourly = SpotReplay.run(lives, Duration.ofHours(1), UNTOLD);
        SpotReplay.Spent tenMinutes = SpotReplay.run(lives, Duration.ofMinutes(10), UNTOLD);
        SpotReplay.Spent alone = SpotReplay.run(lives, daly, UNTOLD);
        SpotReplay.Spent withNotices = SpotReplay.run(lives, budget, TOLD);
        System.err.printf(
                Locale.ROOT, "useful: every hour %.4f, every 10 min %.4f, Daly (%.0f s) %.4f, with budget (%.0f s) and notices %.4f, of which %d of %d ends cost nothing%n", hourly.share(), tenMinutes.share(), daly.toMillis() / 1000.0,
                alone.share(), budget.toMillis() / 1000.0, withNotices.share(), withNotices.saved(), lives.size());
        assertThat(alone.share()).isGreaterThan(tenMinutes.share()).isGreaterThan(hourly.share());
        assertThat(withNotices.share()).isGreaterThan(alone.share()).isGreaterThan(0.97);
        assertThat(withNotices.saved()).as("what changed fits into the notice").isGreaterThan(950);
        assertThat(withNotices.lost()).isLessThan(alone.lost() / 4);
    }

    @Test
    void allTimeIsAccountedFor() {
        List<Duration> lives = lives();
        double all = lives.stream().mapToDouble(life -> life.toMillis() / 1000.0).sum();
        for (SpotReplay.Terms terms : List.of(UNTOLD, TOLD)) {
            for (int seconds : new int[] {5, 60, 600, 36_000}) {
                SpotReplay.Spent spent = SpotReplay.run(lives, Duration.ofSeconds(seconds), terms);
                assertThat(spent.useful() + spent.frozen() + spent.lost() + spent.restarting()).isCloseTo(all, within(1e-6 * all));
                assertThat(spent.useful()).isNotNegative();
            }
        }
    }
}
