package dev.ferry.common;

import java.time.Duration;

/** The two clocks of a machine. Whoever decides by time takes one of these, so that a test or a simulation can drive it. */
public interface Clock {
    /** This machine's clocks. */
    Clock SYSTEM =
            new Clock() {
                @Override
                public long millis() {
                    return System.currentTimeMillis();
                }

                @Override
                public long nanos() {
                    return System.nanoTime();
                }
            };

    /** Milliseconds since 1970, UTC. For records and people only: it may jump, so nothing may be decided by it. */
    long millis();

    /** Nanoseconds of a clock that never jumps and that counts from any origin. */
    long nanos();

    /** Time that has passed since a reading of {@link #nanos}. */
    default Duration since(long nanos) {
        return Duration.ofNanos(nanos() - nanos);
    }
}
