package dev.ferry.scheduling.simulate;

import dev.ferry.scheduling.pass.Demand;

/**
 * A job of a trace.
 *
 * @param account position in the tree of accounts
 * @param submitted seconds
 * @param seconds of work
 */
public record SimulatedJob(long id, int account, long submitted, long seconds, Demand demand) {}
