package dev.ferry.coordinator.api;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.operations.StepName;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.StepState;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;

/** What the records say of a job's log: how much of it an image has, and where later lives went on in it. */
final class LogLives {
    /** So many of a job's operations are looked at, from the newest on. */
    private static final int LOOKED_AT = 100;

    private LogLives() {}

    /**
     * Whether a job's latest image has all of its log, so that its node, there or not, has nothing more: it was stored and has not run since.
     */
    static boolean imageHoldsAll(Transaction state, Job job) {
        return state.operations(job.getId(), LOOKED_AT).stream().anyMatch(operation -> endedLife(job, operation) || failedToBegin(job, operation));
    }

    /** A life that was to go on from the image and did not. */
    private static boolean failedToBegin(Job job, Operation operation) {
        return operation.getState() == OperationState.FAILED_OPERATION
                && beganLife(operation)
                && operation.getIncarnation() < job.getIncarnation()
                && operation.getImage().equals(job.getLatestImage());
    }

    /** A suspension after whose commit the life did not go on. */
    private static boolean endedLife(Job job, Operation operation) {
        return operation.getKind() == OperationKind.SUSPEND
                && operation.getKillCommitAt() != 0
                && operation.getIncarnation() == job.getIncarnation()
                && operation.getImage().equals(job.getLatestImage());
    }

    /**
     * What whoever has read an image's part of a log is told: that this was not all.
     *
     * @param offset behind the last byte that was read
     * @param gone why the node does not send the rest
     * @return NODE_DOWN
     */
    static FerryException notAll(Transaction state, Job job, long offset, FerryException gone) {
        String made = state.image(job.getLatestImage()).map(image -> " of " + Instant.ofEpochMilli(image.getCreatedAt()).truncatedTo(ChronoUnit.SECONDS)).orElse("");
        boolean back = gone.code() == ErrorCode.JOB_NOT_FOUND;
        return new FerryException(
                ErrorCode.NODE_DOWN,
                "Node " + job.getNode() + (back ? " has come back without job " : " does not send the log of job ") + job.getId() + ": this is the log to byte " + offset + ", from image " + job.getLatestImage() + made + "; what the job has written since then "
                        + (back ? "is lost" : "is on that node"),
                gone);
    }

    /**
     * The least byte at which a life after the named one went on in the log: what the lives before had written behind it is no part of the log any more.
     *
     * @param life the incarnation that somebody has read the log of
     * @return empty: no later life is known to have begun from an image
     */
    static Optional<Long> cut(Transaction state, Job job, long life) {
        return state.operations(job.getId(), LOOKED_AT).stream()
                .filter(operation -> operation.getIncarnation() >= life && operation.getIncarnation() < job.getIncarnation() && beganLife(operation))
                .flatMap(operation -> state.image(operation.getImage()).stream())
                .map(Image::getLogBytes)
                .min(Long::compare);
    }

    private static boolean beganLife(Operation operation) {
        return switch (operation.getKind()) {
            case MIGRATE, REWIND, RESUME, RESTORE -> operation.getStepsList().stream().anyMatch(step -> step.getName().equals(StepName.COMMIT.name()) && step.getState() == StepState.STEP_DONE);
            case START, CHECKPOINT, SUSPEND, CANCEL, PARK, UNPARK, OPERATION_KIND_UNSPECIFIED, UNRECOGNIZED -> false;
        };
    }
}
