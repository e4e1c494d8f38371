package dev.ferry.scheduling.simulate;

import dev.ferry.scheduling.pass.Demand;
import dev.ferry.scheduling.pass.Room;
import dev.ferry.scheduling.pass.RunningJob;
import dev.ferry.scheduling.pass.WaitingJob;
import java.util.ArrayList;
import java.util.List;

/** A job of the trace and where it is. */
final class SimulatedRun {
    private final SimulatedJob job;
    private final double size;
    private long remaining;
    private long waitsSince;
    private long startedAt;
    private long worksSince;
    private long billedUntil;
    private long firstStart = -1;
    private int life;
    private int hits;
    private long lastHit;
    private int[] nodes = {};
    private final List<Long> hitTimes = new ArrayList<>();
    private final List<Held> held = new ArrayList<>();
    private Claim claim = Claim.NONE;

    private record Held(int node, Demand demand) {}

    /** Another node for a job that leaves its own. */
    record Move(SimulatedRun run, int to) {}

    /** Room that others leave for a job. */
    record Claim(List<SimulatedRun> victims, List<Move> moves, int[] nodes) {
        private static final Claim NONE = new Claim(List.of(), List.of(), new int[0]);
    }

    SimulatedRun(SimulatedJob job, double size) {
        this.job = job;
        this.size = size;
        remaining = job.seconds();
    }

    SimulatedJob job() {
        return job;
    }

    double size() {
        return size;
    }

    int life() {
        return life;
    }

    int[] nodes() {
        return nodes;
    }

    long firstStart() {
        return firstStart;
    }

    long worksSince() {
        return worksSince;
    }

    long billedUntil() {
        return billedUntil;
    }

    List<Long> hitTimes() {
        return hitTimes;
    }

    Claim claim() {
        return claim;
    }

    void claim(Claim made) {
        claim = made;
    }

    void billedUntil(long at) {
        billedUntil = at;
    }

    void waitsSince(long at) {
        waitsSince = at;
    }

    boolean works(long now) {
        return worksSince <= now;
    }

    private long restore(SimulationPolicy policy) {
        return hits > 0 && policy.saved() ? policy.restoreSeconds() : 0;
    }

    WaitingJob asWaiting(long priority, SimulationPolicy policy) {
        return new WaitingJob(job.id(), job.account(), priority, policy.fair() ? waitsSince : job.submitted(), job.demand(), remaining + restore(policy));
    }

    RunningJob asRunning(SimulationPolicy policy, long now) {
        double move = policy.saved() ? policy.dumpSeconds() + policy.restoreSeconds() : Math.max(0, now - worksSince);
        return new RunningJob(job.id(), job.account(), job.demand(), nodes, startedAt, worksSince + remaining, move, hits, lastHit, true, true);
    }

    /** Starts or goes on; says when it will have ended. */
    long begin(int[] where, long now, SimulationPolicy policy) {
        nodes = where;
        startedAt = now;
        worksSince = now + restore(policy);
        billedUntil = worksSince;
        firstStart = firstStart < 0 ? now : firstStart;
        life++;
        return worksSince + remaining;
    }

    /** Stops; says how much work is lost, size times seconds. */
    double interrupt(long now, boolean saved) {
        long worked = Math.max(0, now - worksSince);
        life++;
        hits++;
        lastHit = now;
        hitTimes.add(now);
        if (saved) {
            remaining -= worked;
            return 0;
        }
        return worked * size;
    }

    /** Keeps what is free of the nodes that others are about to leave to this job. */
    void hold(Room room, int[] where, List<SimulatedRun> leaving) {
        held.clear();
        for (int node : where) {
            long cpu = job.demand().cpuMillis();
            long memory = job.demand().memory();
            int gpus = job.demand().gpus();
            for (SimulatedRun victim : leaving) {
                for (int on : victim.nodes) {
                    if (on == node) {
                        cpu -= victim.job.demand().cpuMillis();
                        memory -= victim.job.demand().memory();
                        gpus -= victim.job.demand().gpus();
                    }
                }
            }
            Held part = new Held(node, new Demand(1, Math.max(0, cpu), Math.max(0, memory), Math.max(0, gpus), 0));
            room.take(new int[] {node}, part.demand());
            held.add(part);
        }
    }

    void giveHeld(Room room) {
        held.forEach(part -> room.give(new int[] {part.node()}, part.demand()));
        held.clear();
    }
}
