package dev.ferry.coordinator.operations;

import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorDetail;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.Proof;
import dev.ferry.proto.v1.Step;
import dev.ferry.proto.v1.StepState;
import java.time.Duration;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The state machine of all operations: given the store and an event, what is written and what is done next.
 * Holds nothing itself. A step is written as open before anything is done for it; its end, what it makes of
 * the job, and the begin of the next step are one transaction. So whoever reads the store knows exactly one
 * continuation: {@link Event.Look} finds it.
 */
final class OperationMachine {
    private static final Logger LOG = LoggerFactory.getLogger(OperationMachine.class);
    private static final Duration GRACE = Duration.ofSeconds(15);
    private static final int MOST_KILLS = 5;

    private final NodeSteps nodeSteps;

    OperationMachine(NodeSteps nodeSteps) {
        this.nodeSteps = nodeSteps;
    }

    /** Writes what an event makes of an operation, and says what follows. */
    Next apply(Transaction state, String id, Event event) {
        Operation operation = state.operation(id).orElseThrow();
        if (operation.getState() != OperationState.OPEN) {
            return new Next.Ended(operation);
        }
        if (operation.getStepsCount() == 0) {
            Operation.Builder begun = operation.toBuilder();
            open(state, begun, Plan.of(operation).first());
            return standing(state, state.put(begun.build()));
        }
        Step open = openStep(operation).orElseThrow(() -> new IllegalStateException("operation " + id + " has no open step and has not ended"));
        return switch (event) {
            case Event.Look look -> open.getNode().isEmpty() ? here(state, operation, open) : standing(state, operation);
            case Event.Answer answer -> belongs(answer.result().getId(), operation, open) ? answered(state, operation, open, answer.result()) : new Next.Nothing();
            case Event.Silence silence -> belongs(silence.command(), operation, open) ? silent(state, operation, open, silence.waited()) : new Next.Nothing();
            case Event.NodeChanged changed -> {
                if (!changed.node().equals(open.getNode())) {
                    yield new Next.Nothing();
                }
                Optional<Proof> proof = stopped(state, operation, open);
                yield proof.isPresent() ? stopped(state, operation, open, proof.get()) : standing(state, operation);
            }
        };
    }

    /** Whether silence ends a node's step: after the commit nothing but a receipt, or a proof, allows to go on. */
    static boolean hasPatience(StepName step) {
        return step != StepName.KILL;
    }

    static Optional<Step> openStep(Operation operation) {
        return Optional.of(operation)
                .filter(one -> one.getState() == OperationState.OPEN && one.getStepsCount() > 0)
                .map(one -> one.getSteps(one.getStepsCount() - 1))
                .filter(step -> step.getState() == StepState.STEP_OPEN);
    }

    /** Whether an order is that of the open step; of an earlier attempt it is not. */
    static boolean belongs(String command, Operation operation, Step open) {
        return command.equals(NodeSteps.commandId(operation.getId(), StepName.valueOf(open.getName()), open.getAttempt()));
    }

    /** What the open step needs now. */
    private Next standing(Transaction state, Operation operation) {
        if (operation.getState() != OperationState.OPEN) {
            return new Next.Ended(operation);
        }
        Step open = openStep(operation).orElseThrow();
        if (open.getNode().isEmpty()) {
            return new Next.Go(new Event.Look());
        }
        if (stopped(state, operation, open).isPresent()) {
            return new Next.Go(new Event.NodeChanged(open.getNode()));
        }
        StepName step = StepName.valueOf(open.getName());
        Command command = nodeSteps.command(step, open.getAttempt(), operation, state.job(operation.getJob()).orElseThrow(), state.image(operation.getImage()));
        Optional<Duration> patience = hasPatience(step) ? Optional.of(nodeSteps.deadline(step).plus(GRACE)) : Optional.empty();
        return new Next.Order(open.getNode(), command, patience);
    }

    /** Why nothing of the job runs on the node of the open step, and nothing that was ordered there will be done; empty: it may. */
    private static Optional<Proof> stopped(Transaction state, Operation operation, Step open) {
        Job job = state.job(operation.getJob()).orElseThrow();
        return Proofs.ofNode(state, open.getNode(), job, job.getIncarnation());
    }

    private static void open(Transaction state, Operation.Builder operation, StepName step) {
        NodeSteps.prepare(step, state, operation, state.job(operation.getJob()).orElseThrow());
        int attempt = 1 + (int) operation.getStepsList().stream().filter(before -> before.getName().equals(step.name())).count();
        operation.addSteps(
                Step.newBuilder()
                        .setName(step.name())
                        .setNode(NodeSteps.node(step, operation))
                        .setAttempt(attempt)
                        .setState(StepState.STEP_OPEN)
                        .setStartedAt(state.now()));
    }

    /** A step that the coordinator does itself. */
    private Next here(Transaction state, Operation current, Step open) {
        Operation.Builder operation = current.toBuilder();
        Job job = state.job(operation.getJob()).orElseThrow();
        StepName step = StepName.valueOf(open.getName());
        Outcome outcome =
                switch (step) {
                    case PLACE -> LocalSteps.place(state, operation, job);
                    case RESERVE -> LocalSteps.reserve(state, operation, job);
                    case COMMIT -> LocalSteps.commit(state, operation, job);
                    case FALL_BACK -> LocalSteps.fallBack(state, operation, job);
                    case CLAIM -> LocalSteps.claim(state, operation, job);
                    // A node's step without a node: nothing of the job is anywhere.
                    case START, CHECK, PRE_COPY, PREFETCH, CATCH_UP, FILL, DUMP, KILL, THAW, RESTORE, PARK, UNPARK -> NodeSteps.apply(step, state, operation, job, CommandResult.getDefaultInstance());
                };
        return outcome.waits() ? new Next.Wait() : finish(state, operation, open, outcome, CommandResult.getDefaultInstance());
    }

    private Next answered(Transaction state, Operation current, Step open, CommandResult result) {
        Operation.Builder operation = current.toBuilder();
        Outcome outcome = NodeSteps.apply(StepName.valueOf(open.getName()), state, operation, state.job(operation.getJob()).orElseThrow(), result);
        return finish(state, operation, open, outcome, result);
    }

    private Next silent(Transaction state, Operation current, Step open, Duration waited) {
        Outcome outcome = NodeSteps.silent(StepName.valueOf(open.getName()), state, current, state.job(current.getJob()).orElseThrow(), waited);
        return finish(state, current.toBuilder(), open, outcome, CommandResult.getDefaultInstance());
    }

    private Next stopped(Transaction state, Operation current, Step open, Proof proof) {
        Operation.Builder operation = current.toBuilder();
        Outcome outcome = NodeSteps.stopped(StepName.valueOf(open.getName()), state, operation, state.job(operation.getJob()).orElseThrow(), proof);
        return finish(state, operation, open, outcome, CommandResult.getDefaultInstance());
    }

    /** Writes the end of a step and the begin of the next, or the end of all. */
    private Next finish(Transaction state, Operation.Builder operation, Step open, Outcome outcome, CommandResult result) {
        StepName step = StepName.valueOf(open.getName());
        Step.Builder record = open.toBuilder();
        record.setState(outcome.succeeded() ? StepState.STEP_DONE : StepState.STEP_FAILED)
                .setEndedAt(state.now())
                .addAllPhases(result.getPhasesList())
                .setNote(outcome.note());
        outcome.error().ifPresent(record::setError);
        operation.setSteps(operation.getStepsCount() - 1, record);
        boolean again = step == StepName.KILL && !outcome.succeeded() && record.getAttempt() < MOST_KILLS;
        Plan.Next next = again ? new Plan.Next.Go(StepName.KILL) : Plan.of(operation).after(step, outcome.succeeded());
        LOG.info("operation {}: {} {}{}", operation.getId(), step, outcome.succeeded() ? "done" : "failed: ", outcome.error().map(ErrorDetail::getMessage).orElse(""));
        switch (next) {
            case Plan.Next.Go go -> open(state, operation, go.step());
            case Plan.Next.Done done -> OperationEnd.write(state, operation, true);
            case Plan.Next.Failed failed -> {
                if (step == StepName.KILL) {
                    unkillable(state, operation);
                }
                OperationEnd.write(state, operation, false);
            }
        }
        Operation written = state.put(operation.build());
        if (written.getState() != OperationState.OPEN) {
            PastOperations.prune(state, written);
        }
        return standing(state, written);
    }

    /** Nobody may take for stopped what has not died, nor its GPUs for free. */
    private static void unkillable(Transaction state, Operation.Builder operation) {
        Job.Builder job = state.job(operation.getJob()).orElseThrow().toBuilder();
        if (job.getIncarnation() != operation.getIncarnation()) {
            job.clearGpus().addAllGpus(operation.getSourceGpusList());
        }
        job.setState(JobState.UNREACHABLE).setNode(operation.getSourceNode()).setReason("its processes on node " + operation.getSourceNode() + " could not be killed");
        state.put(job.build());
    }
}
