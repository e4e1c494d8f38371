package dev.ferry.scheduling.priority;

import dev.ferry.scheduling.tres.Tres;

/**
 * What a waiting job's priority depends on.
 *
 * @param submitted seconds of the epoch
 * @param accruesSince since when its age counts, seconds of the epoch; 0 for not yet
 * @param nodes least number of nodes that it asks for
 * @param minutes time limit; {@link #UNLIMITED} if it has none
 * @param ofPartition all resources of its partition
 * @param fairshare its factor, 0 to 1
 * @param association priority of its association, of which {@link PriorityScale#highestAssociation} is the highest
 * @param site what the site adds
 * @param nice what the user takes off
 */
public record PriorityJob(
        long submitted, long accruesSince, long nodes, long cpus, long minutes, Tres tres, Tres ofPartition, double fairshare, long association, long partition, long qos, long site, long nice) {
    /** Slurm's number for no limit. */
    public static final long UNLIMITED = 0xFFFF_FFFFL;
}
