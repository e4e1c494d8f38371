package dev.ferry.scheduling.simulate;

/**
 * A job as a {@link TraceProfile} has it, before run times are fitted to a load.
 *
 * @param user from 0 on
 * @param account position in the list of accounts that it was drawn for
 * @param submitted seconds from the begin of the trace on
 * @param seconds run time
 */
record DrawnJob(int user, int account, long submitted, double seconds, int gpus, TraceProfile.Outcome outcome) {}
