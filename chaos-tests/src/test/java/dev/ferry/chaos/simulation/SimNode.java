package dev.ferry.chaos.simulation;

import dev.ferry.proto.v1.JobJournal;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
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
    private boolean up = true;
    private long freezeAt;
    private int daemons;
    private SimDaemon daemon;

    /** The processes of one life of a job: they run unless a dump or the node's fence has frozen them. */
    final class Copy {
        final String job;
        final long incarnation;
        private long progress;
        private long countedAt;
        private boolean held;
        private boolean fenced;

        Copy(String job, long incarnation, long progress) {
            this.job = job;
            this.incarnation = incarnation;
            this.progress = progress;
            countedAt = machine.simulation().now();
        }

        boolean runs() {
            return !held && !fenced;
        }

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

        void fence(boolean fence) {
            long ignored = progress();
            fenced = fence;
            countedAt = machine.simulation().now();
        }

        SimNode node() {
            return SimNode.this;
        }

        @Override
        public String toString() {
            return "life " + incarnation + " of " + job + " on " + name + (runs() ? " (runs)" : held ? " (held)" : " (fenced)");
        }
    }

    SimNode(World world, String name) {
        this.world = world;
        this.name = name;
        machine = new SimMachine(world.simulation());
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
    Copy begin(String job, long incarnation, long progress) {
        Copy copy = new Copy(job, incarnation, progress);
        copy.fence(isFenced());
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

    // The watchdog: a process of its own, that neither a pause nor the end of the daemon delays (ferry-watchdog.c).

    boolean isFenced() {
        return world.leases() && machine.nanos() >= freezeAt;
    }

    /** As the daemon tells the watchdog. */
    void freezeAt(long nanos) {
        freezeAt = nanos;
        settleFence();
        if (!isFenced()) {
            long wait = machine.worldNanos(nanos - machine.nanos());
            machine.simulation().schedule(world.nobody(), wait, this::settleFence);
        }
    }

    long freezeAt() {
        return freezeAt;
    }

    private void settleFence() {
        boolean fenced = isFenced();
        copies.values().forEach(copy -> copy.fence(fenced));
    }

    // What happens to a machine.

    void startDaemon() {
        daemons++;
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
        freezeAt = 0;
        startDaemon();
    }

    void backUp() {
        backup = new TreeMap<>(disk);
    }

    /** The daemon's folder is as it was at the last backup. */
    void restoreBackup() {
        disk = new TreeMap<>(backup);
        world.invariants().diskReplaced(this);
    }

    List<Copy> running() {
        List<Copy> running = new ArrayList<>();
        copies.values().stream().filter(Copy::runs).forEach(running::add);
        return running;
    }

    @Override
    public String toString() {
        return name;
    }
}
