package dev.ferry.coordinator.scheduling;

import dev.ferry.coordinator.operations.StepName;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.Step;
import dev.ferry.proto.v1.StepState;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Where chunks of a stored job's images lie in a node's cache, as far as the records of its operations tell: where it was brought back or copied ahead. A cache forgets, so this is a hint for the choice among
 * nodes with room and nothing more.
 */
final class WarmNodes {
    /** Of so many jobs, the first by priority, it is looked up: each costs a query. Those behind come to be the first. */
    private static final int MOST_JOBS = 64;

    private static final int PAST_OPERATIONS = 10;
    private static final Set<String> FETCHES = Set.of(StepName.RESTORE.name(), StepName.PREFETCH.name());
    private static final Set<JobState> STORED = EnumSet.of(JobState.SUSPENDED, JobState.LOST);

    private final Transaction state;
    private final Map<String, Integer> places;
    private int looked;

    /**
     * @param places of the nodes that take jobs, by name
     */
    WarmNodes(Transaction state, Map<String, Integer> places) {
        this.state = state;
        this.places = places;
    }

    /** Places of nodes, the one where it was last first. */
    List<Integer> of(Job job) {
        if (!STORED.contains(job.getState()) || looked == MOST_JOBS) {
            return List.of();
        }
        looked++;
        Set<Integer> warm = new LinkedHashSet<>();
        for (Operation operation : state.operations(job.getId(), PAST_OPERATIONS)) {
            for (Step step : operation.getStepsList().reversed()) {
                Integer place = places.get(step.getNode());
                if (place != null && step.getState() == StepState.STEP_DONE && FETCHES.contains(step.getName())) {
                    warm.add(place);
                }
            }
        }
        return new ArrayList<>(warm);
    }
}
