package dev.ferry.scheduling.priority;

import dev.ferry.scheduling.tres.TresWeights;
import java.util.Set;

/**
 * How much each factor of a job counts: Slurm's PriorityWeight* and what goes with them.
 *
 * @param maxAge seconds of waiting that give the whole of the age factor
 * @param favorSmall small jobs get the larger job size factor, else large ones
 */
public record PriorityPolicy(
        long age, long association, long fairshare, long jobSize, long partition, long qos, TresWeights tres, long maxAge, boolean favorSmall, Set<PriorityFlag> flags) {
    public PriorityPolicy {
        if (maxAge < 1) {
            throw new IllegalArgumentException("The age that counts most must be 1 s or more, not " + maxAge);
        }
        flags = Set.copyOf(flags);
    }
}
