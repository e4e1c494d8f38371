package dev.ferry.coordinator.operations;

import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.PhaseTime;
import dev.ferry.proto.v1.Step;
import dev.ferry.proto.v1.StepState;
import java.util.Optional;
import java.util.Set;

/** The last write of an operation. */
final class OperationEnd {
    /** Phases of a dump in which the job stands still, when it is not thawed after it. */
    private static final Set<String> STILL = Set.of("gpu lock", "gpu checkpoint", "freeze", "hook after-freeze", "hook after-freeze failed", "dump", "upload");

    /** Phases of a restore in which the job runs already. */
    private static final Set<String> RUNS = Set.of("hook after-restore", "hook after-restore failed");

    /** Steps after whose failure the operation goes on without what they were for. */
    private static final Set<String> AHEAD = Set.of(StepName.PRE_COPY.name(), StepName.PREFETCH.name(), StepName.CATCH_UP.name(), StepName.FILL.name());

    private OperationEnd() {}

    static void write(Transaction state, Operation.Builder operation, boolean succeeded) {
        operation.setState(succeeded ? OperationState.SUCCEEDED : OperationState.FAILED_OPERATION).setEndedAt(state.now());
        Job job = state.job(operation.getJob()).orElseThrow();
        Job.Builder free = job.toBuilder().clearOperation();
        if (succeeded) {
            operation.setOutageMicros(outage(state, operation));
        } else {
            cause(operation).ifPresent(operation::setError);
            if (operation.getKind() == OperationKind.START && !goesBackToTheQueue(operation, job) && (job.getState() == JobState.PENDING || job.getState() == JobState.STARTING)) {
                free.setState(JobState.FAILED).setError(operation.getError()).setEndedAt(state.now());
            }
        }
        state.put(free.build());
    }

    /** It has not been anywhere: the room that the scheduler saw was gone before it was taken. */
    private static boolean goesBackToTheQueue(Operation.Builder operation, Job job) {
        return job.getState() == JobState.PENDING && !operation.getDecision().isEmpty() && operation.getError().getCode() != ErrorCode.CANCELLED;
    }

    /** The first thing that went wrong is the cause of the rest, unless a fall-back mended it. */
    private static Optional<ErrorDetail> cause(Operation.Builder operation) {
        return operation.getStepsList().stream().filter(step -> step.getState() == StepState.STEP_FAILED && step.hasError() && !AHEAD.contains(step.getName())).findFirst().map(Step::getError);
    }

    private static long outage(Transaction state, Operation.Builder operation) {
        if (operation.getKind() == OperationKind.CHECKPOINT) {
            return state.image(operation.getImage()).map(Image::getFreezeMicros).orElse(0L);
        }
        Optional<Step> dump = last(operation, StepName.DUMP);
        Optional<Step> restore = last(operation, StepName.RESTORE);
        if (operation.getKind() != OperationKind.MIGRATE || dump.isEmpty() || restore.isEmpty()) {
            return 0;
        }
        return sum(dump.get(), STILL) + (restore.get().getEndedAt() - dump.get().getEndedAt()) * 1000 - sum(restore.get(), RUNS);
    }

    private static long sum(Step step, Set<String> phases) {
        return step.getPhasesList().stream().filter(phase -> phases.contains(phase.getName())).mapToLong(PhaseTime::getMicros).sum();
    }

    private static Optional<Step> last(Operation.Builder operation, StepName name) {
        return operation.getStepsList().stream().filter(step -> step.getName().equals(name.name())).reduce((one, other) -> other);
    }
}
