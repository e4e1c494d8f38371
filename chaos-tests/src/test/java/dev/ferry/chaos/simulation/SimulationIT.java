package dev.ferry.chaos.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Many seeds, on every processor: always the same ones, so that a change is judged by what it changes; as many as fit in the time.
 * Others are tried by -Dferry.simulation.from=random (or a number). The first that fails prints itself and how to see it again.
 */
class SimulationIT {
    private static final Duration TIME = Duration.ofSeconds(Long.getLong("ferry.simulation.seconds", 60));
    private static final long SEEDS = Long.getLong("ferry.simulation.seeds", 50_000);
    private static final String FROM = System.getProperty("ferry.simulation.from", "1000");

    @BeforeAll
    static void quiet() {
        Seeds.quiet();
    }

    @Test
    void manySeedsKeepEveryInvariant() throws Exception {
        int processors = Runtime.getRuntime().availableProcessors();
        long from = FROM.equals("random") ? ThreadLocalRandom.current().nextLong(1L << 40) : Long.parseLong(FROM);
        long end = System.nanoTime() + TIME.toNanos();
        List<Callable<Seeds.Report>> workers = new ArrayList<>();
        for (int i = 0; i < processors; i++) {
            long first = from + i;
            workers.add(() -> Seeds.run(LongStream.iterate(first, seed -> seed < from + SEEDS && System.nanoTime() < end, seed -> seed + processors).iterator(), World::new));
        }
        long seeds = 0;
        try (ExecutorService threads = Executors.newFixedThreadPool(processors)) {
            for (Future<Seeds.Report> done : threads.invokeAll(workers)) {
                assertThat(done.get().failure()).as(done.get().text()).isEmpty();
                seeds += done.get().seeds();
            }
        }
        System.err.println("simulation: " + seeds + " seeds of " + Seeds.EVENTS + " events and more, from " + from);
        assertThat(seeds).isGreaterThan(100);
    }
}
