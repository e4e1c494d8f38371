package dev.ferry.coordinator.api;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import java.time.Instant;
import java.time.temporal.ChronoUnit;

/** What the records say of a job's log: how much of it an image has. */
final class LogLives {
    /** So many of a job's operations are looked at, from the newest on. */
    private static final int LOOKED_AT = 100;

    private LogLives() {}

    /**
     * Whether a job's latest image has all of its log, so that its node, there or not, has nothing more.
     *
     * @param gone why the node does not send it
     */
    static boolean imageHoldsAll(Transaction state, Job job, FerryException gone) {
        // Whoever is cancelled on a node leaves its log there: this one was not there any more.
        boolean cancelledElsewhere = job.getState() == JobState.CANCELLED_JOB && gone.code() == ErrorCode.JOB_NOT_FOUND;
        return cancelledElsewhere || state.operations(job.getId(), LOOKED_AT).stream().anyMatch(operation -> endedLife(job, operation));
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
}
