package dev.ferry.coordinator.evacuation;

import java.time.Duration;
import java.util.Comparator;
import java.util.List;

/**
 * How fast a node saves jobs. A dump reads a job's state and sends what is new of it at the same time, so the slower of the two
 * decides; two dumps read beside each other, but share the link.
 *
 * @param scanBytesPerSecond of one dump
 * @param linkBytesPerSecond of the node, for all dumps together
 * @param fixed what a dump takes however small the job is
 * @param lanes how many dumps at most are made at the same time
 */
record Pace(double scanBytesPerSecond, double linkBytesPerSecond, Duration fixed, int lanes) {
    /** Below this much a dump's time tells of its fixed part and of nothing else. */
    private static final long TELLING_BYTES = 16L << 20;

    /** A part of this dump's time at most is taken for fixed. */
    private static final Duration LONGEST_FIXED = Duration.ofSeconds(5);

    Pace {
        if (!(scanBytesPerSecond > 0) || !(linkBytesPerSecond > 0) || fixed.isNegative() || lanes < 1) {
            throw new IllegalArgumentException("no pace: " + scanBytesPerSecond + " B/s, " + linkBytesPerSecond + " B/s, " + fixed + ", " + lanes);
        }
    }

    /**
     * A dump that was made.
     *
     * @param took from its order to its image
     */
    record Dump(long scanned, long sent, Duration took) {
        Dump {
            took = took.isNegative() ? Duration.ZERO : took;
        }

        double seconds() {
            return took.toMillis() / 1000.0;
        }
    }

    /**
     * What past dumps of a node tell; for what they don't tell, what is assumed stays.
     *
     * @param dumps the newest are the most telling: give only those
     */
    static Pace measured(List<Dump> dumps, Pace assumed) {
        Duration shortest = dumps.stream().map(Dump::took).min(Comparator.naturalOrder()).orElse(assumed.fixed());
        // Large dumps say little of it: if all that a slow link took were taken for fixed, the link would seem fast.
        boolean told = dumps.stream().anyMatch(dump -> dump.scanned() < TELLING_BYTES && dump.sent() < TELLING_BYTES);
        Duration fixed = dumps.isEmpty() ? assumed.fixed() : min(shortest, told ? LONGEST_FIXED : assumed.fixed());
        double scan = rate(dumps.stream().filter(dump -> dump.scanned() >= TELLING_BYTES).toList(), Dump::scanned, assumed.scanBytesPerSecond(), fixed);
        double link = rate(dumps.stream().filter(dump -> dump.sent() >= TELLING_BYTES).toList(), Dump::sent, assumed.linkBytesPerSecond(), fixed);
        return new Pace(scan, link, fixed, assumed.lanes());
    }

    private interface Bytes {
        long of(Dump dump);
    }

    /** All bytes over all time but the fixed parts: one slow dump counts by its length, not by its number. */
    private static double rate(List<Dump> dumps, Bytes bytes, double assumed, Duration fixed) {
        double sum = dumps.stream().mapToDouble(bytes::of).sum();
        // A dump can't have taken no time; half of it at least was not fixed.
        double seconds = dumps.stream().mapToDouble(dump -> Math.max(dump.seconds() / 2, dump.seconds() - fixed.toMillis() / 1000.0)).sum();
        return dumps.isEmpty() || seconds <= 0 ? assumed : sum / seconds;
    }

    private static Duration min(Duration one, Duration other) {
        return one.compareTo(other) < 0 ? one : other;
    }

    /** How long it takes to save a job that has the link for itself. */
    Duration time(JobAtStake job) {
        return fixed.plusMillis((long) Math.ceil(1000 * Math.max(job.scanBytes() / scanBytesPerSecond, job.sendBytes() / linkBytesPerSecond)));
    }

    /** The part of the link that a job needs while it is saved, above 0 and at most 1. */
    double share(JobAtStake job) {
        double seconds = Math.max(0.001, time(job).toMillis() / 1000.0);
        return Math.min(1, Math.max(1e-9, job.sendBytes() / linkBytesPerSecond / seconds));
    }
}
