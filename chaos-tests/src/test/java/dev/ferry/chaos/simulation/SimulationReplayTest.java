package dev.ferry.chaos.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** One seed, or many, by hand: -Dferry.seed=42 or -Dferry.seed=1000 -Dferry.seeds=10000. Without them it repeats seed 0. */
class SimulationReplayTest {
    @BeforeAll
    static void quiet() {
        Seeds.quiet();
    }

    @Test
    void theSeedsThatWereAskedForKeepEveryInvariant() {
        long first = Long.getLong("ferry.seed", 0);
        Seeds.Report report = Seeds.run(LongStream.range(first, first + Long.getLong("ferry.seeds", 1)).iterator(), World::new);
        System.err.println(report.text());
        assertThat(report.failure()).as(report.text()).isEmpty();
    }
}
