package dev.ferry.scheduling.pass;

import java.util.List;

/**
 * A job that waits for room.
 *
 * @param account position of whom it is billed to, in the tree of accounts
 * @param since when it began to wait, seconds
 * @param seconds how long it will run at most; {@link #UNKNOWN} if nobody said
 * @param warm nodes where what it needs to come back lies already; of these the first with room is taken. Only of use to jobs of one node
 */
public record WaitingJob(long id, int account, long priority, long since, Demand demand, long seconds, List<Integer> warm) {
    public static final long UNKNOWN = Long.MAX_VALUE;

    public WaitingJob {
        warm = List.copyOf(warm);
    }

    /** A job to which all nodes with room are alike. */
    public WaitingJob(long id, int account, long priority, long since, Demand demand, long seconds) {
        this(id, account, priority, since, demand, seconds, List.of());
    }
}
