package dev.ferry.chaos.simulation;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import java.time.Duration;
import java.util.Optional;
import java.util.PrimitiveIterator;
import org.slf4j.LoggerFactory;

/** Runs worlds, one seed after the other on each processor, until one breaks an invariant. */
final class Seeds {
    static final int EVENTS = 1000;

    private Seeds() {}

    /** Makes a world of a seed; a double that breaks a rule is another one. */
    interface Maker {
        World make(long seed, boolean tracing);
    }

    /**
     * What came out.
     *
     * @param failure the invariant that was broken; empty: none
     * @param text for people: how many seeds, or what happened and how to see it again
     */
    record Report(long seeds, long events, Duration took, Optional<Invariant> failure, String text) {}

    /** What fails on purpose is not to be read in the log. */
    static void quiet() {
        ((Logger) LoggerFactory.getLogger("dev.ferry")).setLevel(Level.OFF);
    }

    /** Runs all seeds, or up to the first that fails. */
    static Report run(PrimitiveIterator.OfLong seeds, Maker maker) {
        long began = System.nanoTime();
        long count = 0;
        long events = 0;
        while (seeds.hasNext()) {
            long seed = seeds.nextLong();
            World world = maker.make(seed, false);
            Optional<Violation> broken = run(world);
            count++;
            events += world.simulation().events();
            if (broken.isPresent()) {
                Duration took = Duration.ofNanos(System.nanoTime() - began);
                return new Report(count, events, took, Optional.of(broken.get().invariant()), again(seed, maker));
            }
        }
        Duration took = Duration.ofNanos(System.nanoTime() - began);
        return new Report(count, events, took, Optional.empty(), count + " seeds, " + events + " events in " + took.toMillis() + " ms, no invariant broken");
    }

    private static Optional<Violation> run(World world) {
        try {
            world.run(EVENTS);
            return Optional.empty();
        } catch (Violation violation) {
            return Optional.of(violation);
        } catch (RuntimeException failed) {
            throw new AssertionError("seed " + world.seed() + " ended in an exception", failed);
        }
    }

    /** The same seed once more, with words. */
    private static String again(long seed, Maker maker) {
        World world = maker.make(seed, true);
        String what = run(world).map(Throwable::getMessage).orElse("it does not fail when it is repeated: something in the world is not drawn from the seed");
        return "seed " + seed + ": " + what
                + "\nreplay: ./ferry test -pl chaos-tests -am -Dtest=SimulationReplayTest -Dferry.seed=" + seed + " -Dsurefire.failIfNoSpecifiedTests=false\n"
                + String.join("\n", world.simulation().trace());
    }
}
