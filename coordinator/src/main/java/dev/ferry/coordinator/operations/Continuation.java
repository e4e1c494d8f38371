package dev.ferry.coordinator.operations;

import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.Step;
import dev.ferry.proto.v1.StepState;
import java.util.List;
import java.util.stream.Collectors;

/**
 * How an operation goes on after a crash when nothing else goes wrong: what a cell of the table in docs/operations.md says.
 *
 * @param steps how each step ended, from the one that was open at the crash
 * @param end how the operation ended
 * @param job what the job is when the operation has ended
 */
public record Continuation(List<Ended> steps, OperationState end, JobState job) {
    /** A step and how it ended. */
    public record Ended(String step, boolean done) {
        @Override
        public String toString() {
            return step + (done ? "" : " failed");
        }
    }

    /**
     * Reads it from the record of an operation that has ended.
     *
     * @param from place of the step that was open at the crash
     */
    public static Continuation of(Operation ended, int from, JobState job) {
        List<Step> steps = ended.getStepsList().subList(from, ended.getStepsCount());
        return new Continuation(steps.stream().map(step -> new Ended(step.getName(), step.getState() == StepState.STEP_DONE)).toList(), ended.getState(), job);
    }

    /** For people: how the open step ends, the one step that follows or the end, and what becomes of operation and job. */
    @Override
    public String toString() {
        String own = steps.getFirst().done() ? "done" : "failed";
        String next = steps.size() == 1 ? "" : " → " + steps.get(1).step();
        return own + next + "; " + (end == OperationState.SUCCEEDED ? "SUCCEEDED" : "FAILED") + ", job " + (job == JobState.CANCELLED_JOB ? "CANCELLED" : job.name());
    }

    /** All of it, for who compares. */
    public String path() {
        return steps.stream().map(Ended::toString).collect(Collectors.joining(", ")) + "; " + end + ", job " + job;
    }
}
