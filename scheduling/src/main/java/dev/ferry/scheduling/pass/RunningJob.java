package dev.ferry.scheduling.pass;

import java.util.Arrays;

/**
 * A job that holds room.
 *
 * @param nodes where; not to be changed
 * @param since when it was started or brought back last, seconds
 * @param ends when it will have ended at the latest; {@link WaitingJob#UNKNOWN} if nobody said
 * @param moveSeconds what taking it away and bringing it back costs: measured for this job, else for its like
 * @param hits how often it was taken away
 * @param lastHit when, seconds; 0 if never
 * @param movable false while it is moved already, or when it can't be saved
 * @param relocatable whether it can go on on any other node with its labels; without, it can only be taken away
 * @param failing how many of its GPUs are nobody's when it is gone, because they are failing; of each node
 */
public record RunningJob(long id, int account, Demand demand, int[] nodes, long since, long ends, double moveSeconds, int hits, long lastHit, boolean movable, boolean relocatable, int failing) {
    /** One whose GPUs are well. */
    public RunningJob(long id, int account, Demand demand, int[] nodes, long since, long ends, double moveSeconds, int hits, long lastHit, boolean movable, boolean relocatable) {
        this(id, account, demand, nodes, since, ends, moveSeconds, hits, lastHit, movable, relocatable, 0);
    }

    /** One that can't go to another node. */
    public RunningJob(long id, int account, Demand demand, int[] nodes, long since, long ends, double moveSeconds, int hits, long lastHit, boolean movable) {
        this(id, account, demand, nodes, since, ends, moveSeconds, hits, lastHit, movable, false);
    }

    /** The same, would it end at another time. */
    public RunningJob endsAt(long time) {
        return new RunningJob(id, account, demand, nodes, since, time, moveSeconds, hits, lastHit, movable, relocatable, failing);
    }

    /** The same while it is on its way. */
    public RunningJob leaving() {
        return new RunningJob(id, account, demand, nodes, since, ends, moveSeconds, hits, lastHit, false, false, failing);
    }

    /** What others can have of each of its nodes when it is gone; what it needs elsewhere, and what its account holds, is all of its demand. */
    public Demand freed() {
        return failing == 0 ? demand : new Demand(demand.nodes(), demand.cpuMillis(), demand.memory(), Math.max(0, demand.gpus() - failing), demand.labels());
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof RunningJob job
                && id == job.id
                && account == job.account
                && demand.equals(job.demand)
                && Arrays.equals(nodes, job.nodes)
                && since == job.since
                && ends == job.ends
                && moveSeconds == job.moveSeconds
                && hits == job.hits
                && lastHit == job.lastHit
                && movable == job.movable
                && relocatable == job.relocatable
                && failing == job.failing;
    }

    @Override
    public int hashCode() {
        return Long.hashCode(id);
    }
}
