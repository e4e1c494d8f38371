package dev.ferry.chaos.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The coordinator's real code in worlds where everything goes wrong: a fixed list of seeds, and what shows that a seed can be repeated. */
class SimulationTest {
    @BeforeAll
    static void quiet() {
        Seeds.quiet();
    }

    @Test
    void theFixedSeedsKeepEveryInvariant() {
        Seeds.Report report = Seeds.run(LongStream.range(0, 150).iterator(), World::new);
        assertThat(report.failure()).as(report.text()).isEmpty();
    }

    @Test
    void aSeedIsTheSameWorldEachTime() {
        List<List<String>> traces =
                IntStream.range(0, 2)
                        .mapToObj(
                                time -> {
                                    World world = new World(42, true);
                                    world.run(Seeds.EVENTS);
                                    return world.simulation().trace();
                                })
                        .toList();
        assertThat(traces.get(0)).isNotEmpty().isEqualTo(traces.get(1));
    }
}
