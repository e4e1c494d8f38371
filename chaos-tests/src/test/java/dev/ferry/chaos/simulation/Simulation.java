package dev.ferry.chaos.simulation;

import dev.ferry.common.FerryException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.PriorityQueue;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import java.util.SplittableRandom;

/** One seeded order of events in virtual time. Everything that happens in a world comes out of here, so a seed can be repeated. */
final class Simulation {
    private static final int TRACE_LINES = 400;

    private final SplittableRandom random;
    private final PriorityQueue<Event> queue = new PriorityQueue<>();
    private final Deque<String> trace = new ArrayDeque<>();
    private final boolean tracing;
    private long now;
    private long sequence;
    private long events;

    /** A part of the coordinator or of a daemon ends in the middle of what it does, as by kill -9. Neither an exception nor an error, so that nothing of what is tried here catches it and goes on. */
    private static final class Crash extends Throwable {
        private static final long serialVersionUID = 1;

        Crash() {
            super("killed", null, false, false);
        }
    }

    /** Ends what is being done; nobody need declare it. */
    static RuntimeException crash() {
        return Simulation.<RuntimeException>unchecked(new Crash());
    }

    @SuppressWarnings("unchecked")
    private static <E extends Throwable> RuntimeException unchecked(Throwable thrown) throws E {
        throw (E) thrown;
    }

    /**
     * Does a piece of work.
     *
     * @return false: it ended by {@link #crash}
     */
    static boolean survives(Runnable work) {
        try {
            work.run();
            return true;
        } catch (RuntimeException | Error failed) {
            throw failed;
        } catch (Throwable killed) {
            return false;
        }
    }

    private record Event(long at, long sequence, SimProcess owner, Runnable work) implements Comparable<Event> {
        @Override
        public int compareTo(Event other) {
            int byTime = Long.compare(at, other.at);
            return byTime != 0 ? byTime : Long.compare(sequence, other.sequence);
        }
    }

    /**
     * @param tracing whether what happens is kept in words
     */
    Simulation(long seed, boolean tracing) {
        random = new SplittableRandom(seed);
        this.tracing = tracing;
    }

    RandomGenerator random() {
        return random;
    }

    /** True with a probability. */
    boolean chance(double probability) {
        return random.nextDouble() < probability;
    }

    /** A random time, in nanoseconds. */
    long between(long fromMillis, long toMillis) {
        return random.nextLong(fromMillis * 1_000_000, toMillis * 1_000_000 + 1);
    }

    <T> T pick(List<T> from) {
        return from.get(random.nextInt(from.size()));
    }

    /** Nanoseconds since the world began. */
    long now() {
        return now;
    }

    long events() {
        return events;
    }

    void schedule(SimProcess owner, long delayNanos, Runnable work) {
        queue.add(new Event(now + Math.max(0, delayNanos), sequence++, owner, work));
    }

    /**
     * Does the next event.
     *
     * @return false when nothing is left to do
     */
    boolean step() {
        Event event = queue.poll();
        if (event == null) {
            return false;
        }
        now = event.at;
        if (event.owner.isDead()) {
            return true;
        }
        if (event.owner.isPaused()) {
            event.owner.defer(event.work);
            return true;
        }
        events++;
        try {
            if (!survives(event.work)) {
                trace(() -> event.owner + " is killed in the middle of a write");
            }
        } catch (FerryException failed) {
            // As SystemScheduler does: what failed is in the log, and whoever waits for it tries again.
            trace(() -> event.owner + ": " + failed.getMessage());
        }
        return true;
    }

    void trace(Supplier<String> line) {
        if (tracing) {
            if (trace.size() == TRACE_LINES) {
                trace.removeFirst();
            }
            trace.addLast(String.format("%12.6f s %s", now / 1e9, line.get()));
        }
    }

    List<String> trace() {
        return List.copyOf(trace);
    }
}
