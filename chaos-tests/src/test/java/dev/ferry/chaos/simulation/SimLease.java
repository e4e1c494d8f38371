package dev.ferry.chaos.simulation;

import java.time.Duration;

/**
 * The lease of a node. Mirrors NodeLease (the daemon counts), LeaseFile (what both know outlives either, in one boot of the machine) and
 * ferry-watchdog.c: a process of its own that no pause and no end of the daemon delays, and the only one that freezes and thaws the
 * control group of all jobs that keep the lease.
 */
final class SimLease {
    private static final int FREEZING_PART = 6;
    /** How long the kernel may take to stop every thread: less than the sixth of a lease that is planned for it. */
    private static final long SLOWEST_FREEZE_MILLIS = 500;
    private static final long SLOWEST_THAW_MILLIS = 60;

    private final World world;
    private final SimNode node;
    private final SimMachine machine;
    private long freezeAt;
    private long lastAsked;
    private long endsAt;
    private long watchdogAwayUntil;
    private boolean looking;
    private boolean frozen;

    /**
     * When a Hello or a heartbeat was about to be sent.
     *
     * @param counted on the clock that the daemon counts its lease on
     * @param bootNanos on the clock that it must count on: what the invariants go by, whatever the daemon does
     */
    record Asked(long counted, long bootNanos) {}

    SimLease(World world, SimNode node) {
        this.world = world;
        this.node = node;
        machine = node.machine();
    }

    Asked ask() {
        return new Asked(clock(), machine.nanos());
    }

    private long clock() {
        return world.leaseClock(machine);
    }

    /** NodeLease.renew. */
    void renew(Asked asked, Duration granted) {
        endsAt = Math.max(endsAt, asked.bootNanos() + granted.toNanos());
        if (asked.bootNanos() < lastAsked) {
            return;
        }
        lastAsked = asked.bootNanos();
        freezeAt = asked.counted() + granted.toNanos() / FREEZING_PART * (FREEZING_PART - 1);
        watch();
    }

    /** NodeLease.isOver: whether jobs that keep the lease must not run now. */
    boolean isOver() {
        return world.leases() && clock() >= freezeAt;
    }

    /** Whether the node's group stands still. */
    boolean isFrozen() {
        return frozen;
    }

    /** Whether what the coordinator has granted is over, whoever knows it: from then on no job runs that keeps the lease. */
    boolean hasEnded() {
        return world.leases() && machine.nanos() >= endsAt;
    }

    /** Another daemon opens the lease: it knows what the file says, and not when the one before has asked. */
    void takenUp() {
        lastAsked = 0;
        watch();
    }

    /** The machine boots: what the file says was of another boot, the kernel's groups are new, and nothing is in them. */
    void boot() {
        freezeAt = 0;
        endsAt = 0;
        frozen = false;
    }

    /** The watchdog is killed or stopped; the daemon, which looks for it ten times a second, replaces it within half a second. */
    void loseWatchdog() {
        watchdogAwayUntil = machine.simulation().now() + machine.simulation().between(50, 600);
    }

    private void watch() {
        if (world.leases() && !looking) {
            looking = true;
            look();
        }
    }

    /** The watchdog's round; it sleeps until something is due, and until the daemon writes. */
    private void look() {
        long away = watchdogAwayUntil - machine.simulation().now();
        if (away > 0) {
            lookAfter(away);
        } else if (isOver() != frozen) {
            boolean freezes = !frozen;
            machine.simulation().schedule(world.nobody(), machine.simulation().between(0, freezes ? SLOWEST_FREEZE_MILLIS : SLOWEST_THAW_MILLIS), this::settle);
        } else if (frozen) {
            looking = false;
        } else {
            lookAfter(machine.worldNanos(freezeAt - clock()));
        }
    }

    private void lookAfter(long nanos) {
        machine.simulation().schedule(world.nobody(), nanos, this::look);
    }

    private void settle() {
        if (frozen != isOver()) {
            frozen = !frozen;
            machine.simulation().trace(() -> node + "'s jobs are " + (frozen ? "frozen: the lease ends" : "thawed: the lease is renewed"));
            node.groupChanged();
        }
        look();
    }
}
