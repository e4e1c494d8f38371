package dev.ferry.scheduling.pass;

/**
 * A job that waits for room.
 *
 * @param account position of whom it is billed to, in the tree of accounts
 * @param since when it began to wait, seconds
 * @param seconds how long it will run at most; {@link #UNKNOWN} if nobody said
 */
public record WaitingJob(long id, int account, long priority, long since, Demand demand, long seconds) {
    public static final long UNKNOWN = Long.MAX_VALUE;
}
