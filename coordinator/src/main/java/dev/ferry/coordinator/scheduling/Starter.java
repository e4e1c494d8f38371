package dev.ferry.coordinator.scheduling;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.operations.Opening;
import dev.ferry.coordinator.placement.GpuShares;
import dev.ferry.coordinator.placement.Placement;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobQueue;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Begins the operation that lets a waiting job run: a start, a resume or restore from its image, or an unpark. */
final class Starter {
    private static final long FIRST_PAUSE = 10_000;
    private static final int MOST_DOUBLINGS = 6;

    private Starter() {}

    /**
     * @return id of the operation
     * @throws FerryException NO_CAPACITY and others of {@link Placement}: the node can't take it after all
     */
    static String begin(Transaction state, Job job, String node, String decision) {
        check(state, job, node);
        JobQueue.Builder queue = job.getQueue().toBuilder().clearClaim();
        Operation.Builder operation = Operation.newBuilder().setCause(queue.getCause().isEmpty() ? "scheduler" : queue.getCause()).setDecision(decision).setTargetNode(node);
        OperationKind kind =
                switch (job.getState()) {
                    case PENDING -> OperationKind.START;
                    case SUSPENDED -> OperationKind.RESUME;
                    case PARKED -> OperationKind.UNPARK;
                    case LOST -> OperationKind.RESTORE;
                    case STARTING, RUNNING, RESTORING, UNREACHABLE, EXITED, CANCELLED_JOB, FAILED, JOB_STATE_UNSPECIFIED, UNRECOGNIZED ->
                            throw new FerryException(ErrorCode.WRONG_STATE, "Job " + job.getId() + " is " + job.getState());
                };
        if (kind != OperationKind.START) {
            operation.setSourceNode(job.getNode());
            // An attempt that fails is made again, each time later: nobody hurries to look at an image that can't be read.
            long pause = FIRST_PAUSE << Math.min(queue.getAttempts(), MOST_DOUBLINGS);
            queue.setAttempts(queue.getAttempts() + 1).setNotBefore(state.now() + pause);
        }
        if (kind == OperationKind.RESUME || kind == OperationKind.RESTORE) {
            operation.setImage(job.getLatestImage());
        }
        return Opening.open(state, job.toBuilder().setQueue(queue).build(), kind, operation).getId();
    }

    private static void check(Transaction state, Job job, String node) {
        if (job.getState() == JobState.PARKED) {
            var ignored = GpuShares.choose(state, state.node(node).orElseThrow(), job.getSpec(), Optional.empty(), "", List.of());
        } else {
            var ignored = Placement.choose(state, new Placement.Request(Queue.wish(job), Queue.needs(state, job), node, Set.of(), ""));
        }
    }
}
