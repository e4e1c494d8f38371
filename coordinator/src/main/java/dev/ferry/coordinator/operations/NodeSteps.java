package dev.ferry.coordinator.operations;

import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.CheckJob;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.DumpJob;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.KillJob;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.RestoreJob;
import dev.ferry.proto.v1.StartJob;
import dev.ferry.proto.v1.ThawJob;
import java.time.Duration;

/** The steps that a daemon does: the order, and what its result makes of the job. */
final class NodeSteps {
    private final Deadlines deadlines;

    NodeSteps(Deadlines deadlines) {
        this.deadlines = deadlines;
    }

    /** Where a step is done. */
    static String node(StepName step, Operation.Builder operation) {
        return switch (step) {
            case START, CHECK, RESTORE -> operation.getTargetNode();
            case DUMP, KILL, THAW -> operation.getSourceNode();
            case PLACE, RESERVE, COMMIT, FALL_BACK -> "";
        };
    }

    Duration deadline(StepName step) {
        return switch (step) {
            case START -> deadlines.start();
            case DUMP -> deadlines.dump();
            case RESTORE -> deadlines.restore();
            case CHECK, KILL, THAW -> deadlines.kill();
            case PLACE, RESERVE, COMMIT, FALL_BACK -> Duration.ZERO;
        };
    }

    /** What must be decided and written before the order is given. */
    static void prepare(StepName step, Transaction state, Operation.Builder operation, Job job) {
        if (step == StepName.DUMP) {
            long sequence = job.getLastSequence() + 1;
            state.put(job.toBuilder().setLastSequence(sequence).build());
            operation.setImage(Ids.image(job.getId(), sequence));
        }
    }

    Command command(StepName step, int attempt, Operation operation, Job job) {
        Command.Builder command =
                Command.newBuilder()
                        .setId(operation.getId() + "/" + step + "/" + attempt)
                        .setJob(job.getId())
                        .setIncarnation(job.getIncarnation())
                        .setDeadlineMillis(deadline(step).toMillis());
        switch (step) {
            case START -> command.setStart(StartJob.newBuilder().setSpec(job.getSpec()));
            case CHECK -> command.setCheck(CheckJob.newBuilder().setSpec(job.getSpec()));
            case DUMP ->
                    command.setDump(
                            DumpJob.newBuilder()
                                    .setSpec(job.getSpec())
                                    .setImage(operation.getImage())
                                    .setSequence(sequence(operation.getImage()))
                                    .setPreviousImage(job.getLatestImage())
                                    .setStayFrozen(operation.getKind() != OperationKind.CHECKPOINT));
            case THAW -> command.setIncarnation(operation.getIncarnation()).setThaw(ThawJob.getDefaultInstance());
            // The life that ends is the one in which the operation began.
            case KILL -> command.setIncarnation(operation.getIncarnation()).setKill(KillJob.newBuilder().setDiscard(operation.getKind() != OperationKind.CANCEL));
            case RESTORE -> command.setRestore(RestoreJob.newBuilder().setSpec(job.getSpec()).setImage(operation.getImage()));
            case PLACE, RESERVE, COMMIT, FALL_BACK -> throw new IllegalArgumentException(step + " is not done by a node");
        }
        return command.build();
    }

    private static long sequence(String image) {
        return Long.parseLong(image.substring(image.lastIndexOf('.') + 1));
    }

    /** Writes down what a result means. */
    static Outcome apply(StepName step, Transaction state, Operation.Builder operation, Job job, CommandResult result) {
        if (result.hasError()) {
            afterFailure(step, state, job, result);
            return Outcome.failed(result.getError());
        }
        switch (step) {
            case START, RESTORE -> running(state, job, result);
            case DUMP -> state.put(result.getImage());
            case KILL -> {
                if (operation.getKind() == OperationKind.CANCEL) {
                    state.put(job.toBuilder().setState(JobState.CANCELLED_JOB).setEndedAt(System.currentTimeMillis()).clearReason().build());
                }
            }
            case CHECK, THAW, PLACE, RESERVE, COMMIT, FALL_BACK -> {}
        }
        return Outcome.done("");
    }

    private static void running(Transaction state, Job job, CommandResult result) {
        boolean expected = job.getState() == JobState.STARTING || job.getState() == JobState.RESTORING || job.getState() == JobState.UNREACHABLE;
        if (!expected) {
            return;
        }
        Job.Builder next = job.toBuilder().clearReason().clearError();
        if (job.getStartedAt() == 0) {
            next.setStartedAt(System.currentTimeMillis());
        }
        if (result.getJob().getState() == LocalState.LOCAL_EXITED) {
            next.setState(JobState.EXITED).setExitStatus(result.getJob().getExitStatus()).setEndedAt(System.currentTimeMillis());
        } else if (result.getJob().getState() == LocalState.LOCAL_LOST) {
            next.setState(JobState.LOST).setReason(result.getJob().getDetail());
        } else {
            next.setState(JobState.RUNNING);
        }
        state.put(next.build());
    }

    private static void afterFailure(StepName step, Transaction state, Job job, CommandResult result) {
        if (step == StepName.START && job.getState() == JobState.STARTING) {
            Job.Builder failed = job.toBuilder().setState(JobState.FAILED).setError(result.getError()).setEndedAt(System.currentTimeMillis());
            if (result.getError().getCode() == ErrorCode.COMMAND_NOT_FOUND) {
                failed.setExitStatus(127);
            }
            state.put(failed.build());
        } else if (step == StepName.RESTORE && job.getState() == JobState.RESTORING) {
            // The receipt says that nothing of this life is left; the image is what the job is now.
            state.put(job.toBuilder().setState(JobState.SUSPENDED).setError(result.getError()).build());
        } else if (job.getState() == JobState.RUNNING && result.getJob().getIncarnation() == job.getIncarnation()) {
            JobEnds.apply(state, job, result.getJob());
        }
    }

    /** Writes down that a node has not answered in time: what it did is not known. */
    static Outcome silent(StepName step, Transaction state, Job job, String node, Duration waited) {
        ErrorDetail error =
                new FerryException(ErrorCode.DEADLINE_EXCEEDED, "Node " + node + " has not answered " + step + " within " + waited.toSeconds() + " s").detail();
        boolean mayRun = step == StepName.START || step == StepName.RESTORE;
        if (mayRun && (job.getState() == JobState.STARTING || job.getState() == JobState.RESTORING)) {
            state.put(job.toBuilder().setState(JobState.UNREACHABLE).setReason(error.getMessage()).build());
        }
        return Outcome.failed(error);
    }

    /** Writes down that a node was declared dead while an order was open: nothing of the job is left there. */
    static Outcome dead(StepName step, Transaction state, Operation.Builder operation, Job job, String node) {
        if (step == StepName.KILL) {
            return apply(step, state, operation, job, CommandResult.getDefaultInstance());
        }
        ErrorDetail error = new FerryException(ErrorCode.NODE_DOWN, "Node " + node + " was declared dead").detail();
        switch (step) {
            case RESTORE -> state.put(job.toBuilder().setState(JobState.SUSPENDED).setError(error).build());
            case START, DUMP, THAW -> state.put(job.toBuilder().setState(JobState.LOST).setReason("node " + node + " was declared dead").build());
            case CHECK, KILL, PLACE, RESERVE, COMMIT, FALL_BACK -> {}
        }
        return Outcome.failed(error);
    }
}
