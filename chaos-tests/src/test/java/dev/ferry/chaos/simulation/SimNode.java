package dev.ferry.chaos.simulation;

import dev.ferry.proto.v1.JobJournal;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** One machine with its kernel and its disk. Jobs' processes and the journals on the disk outlive the daemon. */
final class SimNode {
    private static final long STEP_NANOS = 10_000_000;

    private final World world;
    private final String name;
    private final SimMachine machine;
    private final Map<String, Copy> copies = new TreeMap<>();
    private Map<String, JobJournal> disk = new TreeMap<>();
    private Map<String, JobJournal> backup = new TreeMap<>();
    private final SimLease lease;
    private boolean up = true;
    private int daemons;
    private SimDaemon daemon;

    /** The processes of one life of a job: they run unless their own group is frozen, or the node's, which holds all that keep the lease. */
    final class Copy {
        final String job;
        final long incarnation;
        final boolean keepsLease;
        private long progress;
        private long countedAt;
        private boolean held;
        private boolean marked;
        private boolean fenced;

        Copy(String job, long incarnation, boolean keepsLease, long progress) {
            this.job = job;
            this.incarnation = incarnation;
            this.keepsLease = keepsLease;
            fenced = keepsLease && lease.isFrozen();
            this.progress = progress;
            countedAt = machine.simulation().now();
        }

        boolean runs() {
            return !held && !fenced;
        }

        /** Whether its own group is frozen: by a dump, or because the coordinator has said that it shall not run here. */
        boolean isHeld() {
            return held;
        }

        /** Steps that the job has done. */
        long progress() {
            if (runs()) {
                long now = machine.simulation().now();
                progress += (now - countedAt) / STEP_NANOS;
                countedAt = now - (now - countedAt) % STEP_NANOS;
            }
            return progress;
        }

        void hold(boolean hold) {
            long ignored = progress();
            held = hold;
            countedAt = machine.simulation().now();
        }

        /** JobCgroup.hold, which leaves a mark in the kernel that does not age with the journals, and letGo. */
        void mark(boolean mark) {
            marked = mark;
            if (mark) {
                hold(true);
            }
        }

        boolean isMarked() {
            return marked;
        }

        private void groupChanged() {
            long ignored = progress();
            fenced = keepsLease && lease.isFrozen();
            countedAt = machine.simulation().now();
        }

        SimNode node() {
            return SimNode.this;
        }

        @Override
        public String toString() {
            return "life " + incarnation + " of " + job + " on " + name + (runs() ? " (runs)" : held ? " (frozen)" : " (frozen by the lease's end)");
        }
    }

    SimNode(World world, String name) {
        this.world = world;
        this.name = name;
        machine = new SimMachine(world.simulation());
        lease = new SimLease(world, this);
    }

    World world() {
        return world;
    }

    String name() {
        return name;
    }

    SimMachine machine() {
        return machine;
    }

    boolean isUp() {
        return up;
    }

    SimDaemon daemon() {
        return daemon;
    }

    Collection<Copy> copies() {
        return copies.values();
    }

    Optional<Copy> copy(String job) {
        return Optional.ofNullable(copies.get(job));
    }

    /** A new life begins to run here. */
    Copy begin(String job, long incarnation, boolean keepsLease, long progress) {
        Copy copy = new Copy(job, incarnation, keepsLease, progress);
        world.invariants().begins(copy);
        copies.put(job, copy);
        return copy;
    }

    /** SIGKILL for a life, by somebody's order. */
    void kill(Copy copy, String by) {
        world.invariants().kills(copy, by);
        copies.remove(copy.job);
    }

    /** A life is gone, by nobody's order. */
    void remove(String job) {
        copies.remove(job);
    }

    Map<String, JobJournal> disk() {
        return disk;
    }

    SimLease lease() {
        return lease;
    }

    /** The watchdog has frozen the group of all jobs that keep the lease, or thawed it. */
    void groupChanged() {
        copies.values().forEach(Copy::groupChanged);
    }

    // What happens to a machine.

    void startDaemon() {
        daemons++;
        lease.takenUp();
        daemon = new SimDaemon(this, new SimProcess(machine, name + "'s daemon " + daemons));
        daemon.start();
    }

    void killDaemon() {
        daemon.process().kill();
        daemon.die();
    }

    /** The power fails: what ran is gone. */
    void crash() {
        killDaemon();
        copies.clear();
        up = false;
    }

    /** It boots: the disk is as it was. */
    void boot() {
        up = true;
        lease.boot();
        startDaemon();
    }

    void backUp() {
        backup = new TreeMap<>(disk);
    }

    /** The journals are what they were at the last backup. The lease is not among them: it counts in one boot, and in what the watchdog has mapped. */
    void restoreBackup() {
        disk = new TreeMap<>(backup);
        world.invariants().diskReplaced(this);
    }

    @Override
    public String toString() {
        return name;
    }
}
