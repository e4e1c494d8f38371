package dev.ferry.storage.image;

import java.time.Duration;

/**
 * How long somebody has waited for late answers: the time in which at least one reader waited for more than what is usual. Readers who wait at the same time, as all do for a connection that is
 * being made, wait once. Safe for threads.
 */
final class Lateness {
    private long lateNanos;
    /** Until when it is counted, of {@link System#nanoTime}; of no meaning while nothing was late. */
    private long countedTo;

    /**
     * @param usual what the answer may take without being late
     * @param begin when the question was asked, and
     * @param end when it was answered, both of {@link System#nanoTime}
     * @return all lateness so far
     */
    synchronized Duration answered(Duration usual, long begin, long end) {
        long from = begin + usual.toNanos();
        if (lateNanos > 0 && from - countedTo < 0) {
            from = countedTo;
        }
        if (end - from > 0) {
            lateNanos += end - from;
            countedTo = end;
        }
        return Duration.ofNanos(lateNanos);
    }
}
