package dev.ferry.coordinator.accounts;

import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.JobUse;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.Step;
import dev.ferry.proto.v1.StepState;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Whether a job runs now, and when it began or stopped to, as the records of it and of its last operation have it.
 *
 * @param runs a job that an operation holds frozen, to save or move it, does not run
 */
record RunTimes(boolean runs, Job job, Optional<Operation> last) {
    private static final Set<String> STOPS = Set.of("DUMP", "PARK");
    private static final Set<String> GOES_ON = Set.of("START", "RESTORE", "UNPARK", "THAW");

    static RunTimes of(Transaction state, Job job) {
        List<Operation> operations = state.operations(job.getId(), 1);
        Optional<Operation> last = operations.isEmpty() ? Optional.empty() : Optional.of(operations.getFirst());
        boolean held = last.filter(one -> one.getState() == OperationState.OPEN && one.getKind() != OperationKind.CHECKPOINT && step(one, STOPS).isPresent()).isPresent();
        return new RunTimes(job.getState() == JobState.RUNNING && !held, job, last);
    }

    /** Of a job that ran when it was looked at last, and to which nothing has happened since: for it nothing need be read. */
    static RunTimes runsOn(Job job) {
        return new RunTimes(true, job, Optional.empty());
    }

    private static Optional<Step> step(Operation operation, Set<String> names) {
        return operation.getStepsList().stream().filter(step -> names.contains(step.getName())).reduce((one, other) -> other);
    }

    /** Milliseconds since 1970; what no record says happened now. */
    long began(long now) {
        return last.flatMap(one -> step(one, GOES_ON)).filter(step -> step.getState() != StepState.STEP_OPEN).map(Step::getEndedAt).orElse(now);
    }

    long stopped(long now) {
        if (job.getEndedAt() > 0) {
            return job.getEndedAt();
        }
        return last.filter(one -> one.getKind() != OperationKind.CHECKPOINT).flatMap(one -> step(one, STOPS)).map(Step::getStartedAt).orElse(now);
    }

    /** Milliseconds that a job ran which began and ended after a time; 0 also if no record says it. Its end is told by its node, whose clock may be another. */
    long ranSince(long time, long now) {
        return last.flatMap(one -> step(one, GOES_ON))
                .filter(step -> step.getState() == StepState.STEP_DONE && step.getEndedAt() >= time && job.getEndedAt() > 0)
                .map(step -> Math.clamp(job.getEndedAt(), step.getEndedAt(), Math.max(step.getEndedAt(), now)) - step.getEndedAt())
                .orElse(0L);
    }

    /** How long the last saving and bringing back took. */
    void measured(JobUse.Builder use) {
        last.flatMap(one -> step(one, STOPS)).filter(step -> step.getState() == StepState.STEP_DONE).ifPresent(step -> use.setSaveMillis(step.getEndedAt() - step.getStartedAt()));
        last.flatMap(one -> step(one, Set.of("RESTORE", "UNPARK"))).filter(step -> step.getState() == StepState.STEP_DONE).ifPresent(step -> use.setRestoreMillis(step.getEndedAt() - step.getStartedAt()));
    }
}
