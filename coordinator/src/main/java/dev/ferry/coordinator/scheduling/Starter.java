package dev.ferry.coordinator.scheduling;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.operations.Opening;
import dev.ferry.coordinator.placement.GpuShares;
import dev.ferry.coordinator.placement.Placement;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobQueue;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.Requirements;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Begins the operation that lets a waiting job run: a start, a resume from its image, or an unpark. */
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
        Operation.Builder operation = Operation.newBuilder().setCause("scheduler").setDecision(decision).setTargetNode(node);
        JobQueue.Builder queue = job.getQueue().toBuilder().clearClaim();
        OperationKind kind =
                switch (job.getState()) {
                    case PENDING -> OperationKind.START;
                    case SUSPENDED -> OperationKind.RESUME;
                    case PARKED -> OperationKind.UNPARK;
                    case STARTING, RUNNING, RESTORING, UNREACHABLE, LOST, EXITED, CANCELLED_JOB, FAILED, JOB_STATE_UNSPECIFIED, UNRECOGNIZED ->
                            throw new FerryException(ErrorCode.WRONG_STATE, "Job " + job.getId() + " is " + job.getState());
                };
        if (kind != OperationKind.START) {
            operation.setSourceNode(job.getNode());
            // An attempt that fails is made again, each time later: nobody hurries to look at an image that can't be read.
            long pause = FIRST_PAUSE << Math.min(queue.getAttempts(), MOST_DOUBLINGS);
            queue.setAttempts(queue.getAttempts() + 1).setNotBefore(state.now() + pause);
        }
        if (kind == OperationKind.RESUME) {
            operation.setImage(job.getLatestImage());
        }
        return Opening.open(state, job.toBuilder().setQueue(queue).build(), kind, operation).getId();
    }

    private static void check(Transaction state, Job job, String node) {
        Optional<Requirements> image = job.getState() == JobState.PENDING ? Optional.empty() : state.image(job.getLatestImage()).map(Image::getRequirements);
        if (job.getState() == JobState.PARKED) {
            var ignored = GpuShares.choose(state, state.node(node).orElseThrow(), job.getSpec(), Optional.empty(), "", List.of());
        } else {
            var ignored = Placement.choose(state, new Placement.Request(job.getSpec(), image, node, Set.of(), ""));
        }
    }
}
