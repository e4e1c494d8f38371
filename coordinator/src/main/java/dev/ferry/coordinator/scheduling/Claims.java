package dev.ferry.coordinator.scheduling;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.operations.StepName;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobQueue;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.ProofKind;
import dev.ferry.proto.v1.RoomClaim;
import java.util.ArrayList;
import java.util.List;

/** Room that is being made: whoever waits for it starts as soon as the last victim is out, before anybody else is looked at. */
final class Claims {
    /** After room could not be made, it is tried again no sooner, milliseconds. */
    private static final long PAUSE = 60_000;

    private Claims() {}

    /**
     * Goes on with all claims, and forgets what the queue knew of jobs that run again.
     *
     * @return ids of operations that begin
     */
    static List<String> settle(Transaction state) {
        List<String> begun = new ArrayList<>();
        for (Job job : state.liveJobs()) {
            JobQueue queue = job.getQueue();
            if (job.getState() == JobState.RUNNING && job.getOperation().isEmpty()) {
                boolean anywhere = queue.getAnywhere() && isGone(state, job.getSpec().getNode());
                if (queue.getComesBack() || queue.getAttempts() > 0 || queue.hasClaim() || queue.getAnywhere() != anywhere) {
                    Job ignored = state.put(job.toBuilder().setQueue(queue.toBuilder().clearComesBack().clearAttempts().clearNotBefore().clearClaim().clearCause().setAnywhere(anywhere)).build());
                }
            } else if (Queue.claims(job) && queue.getClaim().getOperationsList().stream().noneMatch(id -> holds(state, id))) {
                settle(state, job, begun);
            }
        }
        return begun;
    }

    /** Whether the node that a job asked for has no machine any more, by its cloud's word, which its next Hello takes back; or no record. */
    private static boolean isGone(Transaction state, String node) {
        return !node.isEmpty() && state.node(node).filter(one -> one.getProof().getKind() != ProofKind.PROOF_CLOUD).isEmpty();
    }

    /** Whether who is to leave may still be there: one that is moved is gone once it is restored elsewhere, since that needs the receipt that it was killed. */
    private static boolean holds(Transaction state, String operation) {
        return state.operation(operation).filter(one -> one.getState() == OperationState.OPEN && !isElsewhere(one)).isPresent();
    }

    private static boolean isElsewhere(Operation operation) {
        return operation.getKind() == OperationKind.MIGRATE && operation.getStepsList().stream().anyMatch(step -> step.getName().equals(StepName.RESTORE.name()));
    }

    private static void settle(Transaction state, Job job, List<String> begun) {
        RoomClaim claim = job.getQueue().getClaim();
        // What was kept is for itself.
        Job asking = state.put(job.toBuilder().setQueue(job.getQueue().toBuilder().clearClaim()).build());
        try {
            begun.add(Starter.begin(state, asking, claim.getNode(), claim.getDecision()));
        } catch (FerryException none) {
            // A victim could not be saved and runs on, or the node is gone.
            JobQueue queue = asking.getQueue().toBuilder().setNotBefore(state.now() + PAUSE).build();
            Job ignored = state.put(asking.toBuilder().setQueue(queue).setReason("room could not be made: " + none.getMessage()).build());
        }
    }
}
