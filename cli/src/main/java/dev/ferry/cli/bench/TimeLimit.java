package dev.ferry.cli.bench;

import java.time.Duration;

/** Until when something must be over. */
final class TimeLimit {
    private final Duration whole;
    private final long end;

    private TimeLimit(Duration whole) {
        this.whole = whole;
        end = System.nanoTime() + whole.toNanos();
    }

    static TimeLimit of(Duration whole) {
        return new TimeLimit(whole);
    }

    Duration whole() {
        return whole;
    }

    /** Zero when it is over. */
    Duration left() {
        return Duration.ofNanos(Math.max(0, end - System.nanoTime()));
    }

    /** What is left, but at most so much. */
    Duration left(Duration most) {
        return left().compareTo(most) < 0 ? left() : most;
    }

    boolean hasLeft(Duration needed) {
        return left().compareTo(needed) >= 0;
    }
}
