package dev.ferry.coordinator.scheduling;

import dev.ferry.common.Clock;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * By how much the wall clock has stepped, as the clock that never jumps shows it. How long jobs have run is the difference of two readings of the wall clock, for it goes on over restarts and from one
 * coordinator to the next; a step between the two would count as running time, and end jobs by their time limits.
 */
final class WallSteps {
    private static final Logger LOG = LoggerFactory.getLogger(WallSteps.class);

    /** Less is left until it is more: the two are not read in the same moment. */
    private static final long LEAST_MILLIS = 5000;

    private final Clock clock;
    /** How far the wall clock was ahead of the other one. */
    private long ahead;

    WallSteps(Clock clock) {
        this.clock = clock;
        ahead = ahead();
    }

    private long ahead() {
        return clock.millis() - Math.floorDiv(clock.nanos(), TimeUnit.MILLISECONDS.toNanos(1));
    }

    /** Milliseconds by which it has stepped and that were not {@link #taken}; 0: it has not. */
    long pending() {
        long step = ahead() - ahead;
        return Math.abs(step) < LEAST_MILLIS ? 0 : step;
    }

    /** What is counted until a reading of the wall clock was moved by so much. */
    void taken(long step) {
        ahead += step;
        if (step != 0) {
            LOG.warn("this machine's clock has stepped by {} s; what jobs have run is counted without that", TimeUnit.MILLISECONDS.toSeconds(step));
        }
    }
}
