package dev.ferry.scheduling.pass;

import java.util.List;

/**
 * A job that waits for room.
 *
 * @param account position of whom it is billed to, in the tree of accounts
 * @param since when it began to wait, seconds
 * @param seconds how long it will run at most; {@link #UNKNOWN} if nobody said
 * @param warm nodes where what it needs to come back lies already; of these the first with room is taken. Only of use to jobs of one node
 * @param due its account holds no more than its due with it, or it has waited for long and its account lacks something: it goes before those of which that is not so
 */
public record WaitingJob(long id, int account, long priority, long since, Demand demand, long seconds, List<Integer> warm, boolean due) {
    public static final long UNKNOWN = Long.MAX_VALUE;

    public WaitingJob {
        warm = List.copyOf(warm);
    }

    /** A job to which all nodes with room are alike. */
    public WaitingJob(long id, int account, long priority, long since, Demand demand, long seconds) {
        this(id, account, priority, since, demand, seconds, List.of());
    }

    /** A job that goes by its priority. */
    public WaitingJob(long id, int account, long priority, long since, Demand demand, long seconds, List<Integer> warm) {
        this(id, account, priority, since, demand, seconds, warm, false);
    }

    /** The same, before those that are not due. */
    public WaitingJob asDue() {
        return new WaitingJob(id, account, priority, since, demand, seconds, warm, true);
    }
}
