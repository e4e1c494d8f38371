package dev.ferry.chaos.simulation;

import java.util.concurrent.TimeUnit;

/** A machine's clocks: a monotonic one that runs a little too fast or too slow, and a wall clock that jumps. */
final class SimMachine {
    /** Two clocks differ by less than the grace of a lease ({@code LeaseTerms.grace}: a tenth). */
    private static final double MOST_DRIFT = 0.04;
    private static final long EPOCH_MILLIS = 1_700_000_000_000L;

    private final Simulation simulation;
    private final double rate;
    private long wallJumpMillis;

    SimMachine(Simulation simulation) {
        this.simulation = simulation;
        rate = 1 + MOST_DRIFT * (2 * simulation.random().nextDouble() - 1);
    }

    Simulation simulation() {
        return simulation;
    }

    /** CLOCK_BOOTTIME: goes on while processes are stopped. */
    long nanos() {
        return (long) (simulation.now() * rate);
    }

    long millis() {
        return EPOCH_MILLIS + wallJumpMillis + TimeUnit.NANOSECONDS.toMillis(nanos());
    }

    void jump(long millis) {
        wallJumpMillis += millis;
    }

    /** How long a time on this machine's clock takes in the world. */
    long worldNanos(long machineNanos) {
        return (long) Math.ceil(machineNanos / rate);
    }
}
