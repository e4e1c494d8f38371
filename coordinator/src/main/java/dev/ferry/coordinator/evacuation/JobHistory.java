package dev.ferry.coordinator.evacuation;

import dev.ferry.coordinator.operations.StepName;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.Step;
import dev.ferry.proto.v1.StepState;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** What an evacuation has tried on a job so far: read from the operations themselves, so that nothing of it is forgotten in a restart. */
final class JobHistory {
    private static final int LOOKED_AT = 20;
    private static final long LONGEST_PAUSE_MILLIS = 60_000;
    private static final long FIRST_PAUSE_MILLIS = 1000;
    private static final int HOPELESS = 2;
    /** What another try on the same node would find again. */
    private static final Set<ErrorCode> NOT_SAVABLE =
            EnumSet.of(
                    ErrorCode.DUMP_FAILED, ErrorCode.DUMP_IO_URING, ErrorCode.DUMP_OPEN_DEVICE, ErrorCode.DUMP_FILE_GONE, ErrorCode.DUMP_FOREIGN_MOUNT, ErrorCode.DUMP_FOREIGN_SOCKET,
                    ErrorCode.GPU_BLOCKED, ErrorCode.GPU_SAVE_FAILED, ErrorCode.GPU_STUCK, ErrorCode.GPU_UNAVAILABLE);

    private final List<Operation> all;
    private final List<Operation> ours;

    /**
     * @param cause of the operations that are the evacuation's own
     */
    JobHistory(Transaction state, Job job, String cause) {
        all = state.operations(job.getId(), LOOKED_AT);
        ours = all.stream().filter(operation -> operation.getCause().equals(cause)).toList();
    }

    /** The last operation of all. */
    Optional<Operation> last() {
        return all.stream().findFirst();
    }

    /** The last one of the evacuation. */
    Optional<Operation> lastOfOurs() {
        return ours.stream().findFirst();
    }

    boolean isLastOfOurs() {
        return last().isPresent() && last().equals(lastOfOurs());
    }

    /** When the life that runs now began to run, milliseconds since 1970; empty: with the job's first. */
    Optional<Long> lifeBegan() {
        return all.stream()
                .flatMap(operation -> operation.getStepsList().stream())
                .filter(step -> step.getName().equals(StepName.RESTORE.name()) && step.getState() == StepState.STEP_DONE)
                .map(Step::getEndedAt)
                .max(Long::compare);
    }

    private List<Operation> failures() {
        return ours.stream().takeWhile(operation -> operation.getState() != OperationState.SUCCEEDED).filter(operation -> operation.getState() == OperationState.FAILED_OPERATION).toList();
    }

    /** Whether others are tried first. */
    JobAtStake.Turn turn(long now, Duration longestPause) {
        if (!mayTry(now, longestPause)) {
            return JobAtStake.Turn.NOT_YET;
        }
        return failures().size() < HOPELESS ? JobAtStake.Turn.NOW : JobAtStake.Turn.BEHIND_OTHERS;
    }

    /** Whether enough time has passed since the last try that failed. */
    boolean mayTry(long now, Duration longestPause) {
        List<Operation> failures = failures();
        if (failures.isEmpty()) {
            return true;
        }
        long pause = Math.min(FIRST_PAUSE_MILLIS << Math.min(failures.size() - 1, 10), Math.min(LONGEST_PAUSE_MILLIS, longestPause.toMillis()));
        return hasPassed(now, failures.getFirst(), pause);
    }

    /** Whether so much time has passed since the last try of this life that failed; one that its node's end cut off says nothing of the job. */
    boolean mayTryAfter(long now, Duration pause) {
        long began = lifeBegan().orElse(0L);
        return failures().stream()
                .filter(failed -> failed.getEndedAt() >= began && failed.getError().getCode() != ErrorCode.NODE_DOWN)
                .findFirst()
                .map(failed -> hasPassed(now, failed, pause.toMillis()))
                .orElse(true);
    }

    /** A clock that was put back must not hold anything up until it has caught up. */
    private static boolean hasPassed(long now, Operation failed, long pauseMillis) {
        long passed = now - failed.getEndedAt();
        return passed < 0 || passed >= pauseMillis;
    }

    /** Why no image of it can be made; empty: one may be possible. */
    Optional<String> obstacle() {
        List<Operation> hopeless = failures().stream().filter(operation -> NOT_SAVABLE.contains(operation.getError().getCode())).toList();
        return hopeless.size() < HOPELESS ? Optional.empty() : Optional.of(hopeless.getFirst().getError().getMessage());
    }

    /** Whether the last try found no node that takes it: it is stored then, and no further try is made to move it. */
    boolean foundNoTarget() {
        return ours.stream().filter(operation -> operation.getKind() == OperationKind.MIGRATE && operation.getState() == OperationState.FAILED_OPERATION).anyMatch(operation -> !hasDumped(operation));
    }

    private static boolean hasDumped(Operation operation) {
        return operation.getStepsList().stream().anyMatch(step -> step.getName().equals(StepName.DUMP.name()));
    }

    /** For how long an operation that saves the job and takes it away has been at work; empty: there is none. */
    static Optional<Duration> underWay(Transaction state, Job job) {
        return state.operation(job.getOperation())
                .filter(operation -> operation.getState() == OperationState.OPEN && (operation.getKind() == OperationKind.MIGRATE || operation.getKind() == OperationKind.SUSPEND))
                .map(operation -> operation.getStepsList().stream().filter(step -> step.getName().equals(StepName.DUMP.name())).findFirst().map(Step::getStartedAt).orElseGet(state::now))
                .map(since -> Duration.ofMillis(Math.max(0, state.now() - since)));
    }
}
