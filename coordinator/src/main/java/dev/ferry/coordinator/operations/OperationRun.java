package dev.ferry.coordinator.operations;

import dev.ferry.coordinator.nodes.CommandDesk;
import dev.ferry.coordinator.store.Changes;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandProgress;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorDetail;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.Step;
import dev.ferry.proto.v1.StepState;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Drives one operation from step to step. A step is written as open before anything is done for it; its
 * end, what it makes of the job, and the next step are written together. So whoever reads the store knows
 * exactly one continuation.
 */
final class OperationRun {
    private static final Logger LOG = LoggerFactory.getLogger(OperationRun.class);
    private static final Duration GRACE = Duration.ofSeconds(15);
    private static final Duration LOOK = Duration.ofSeconds(1);
    private static final Duration ROOM = Duration.ofMinutes(1);
    private static final int MOST_KILLS = 5;

    private final String id;
    private final StateStore store;
    private final CommandDesk desk;
    private final Changes changes;
    private final NodeSteps nodeSteps;
    private final Consumer<CommandProgress> progress;

    OperationRun(String id, StateStore store, CommandDesk desk, Changes changes, NodeSteps nodeSteps, Consumer<CommandProgress> progress) {
        this.id = id;
        this.store = store;
        this.desk = desk;
        this.changes = changes;
        this.nodeSteps = nodeSteps;
        this.progress = progress;
    }

    /** What was written before a step: the operation and the job as they are then. */
    private record Begun(Operation operation, Job job, StepName step, int attempt, String node) {}

    /**
     * @return the operation when it has ended; empty when it had ended before
     */
    Optional<Operation> toEnd() throws InterruptedException {
        while (true) {
            Optional<Begun> begun = store.transact(this::begin);
            if (begun.isEmpty()) {
                return Optional.empty();
            }
            Operation after = begun.get().node().isEmpty() ? local(begun.get()) : onNode(begun.get());
            if (after.getState() != OperationState.OPEN) {
                return Optional.of(after);
            }
        }
    }

    /** The step that is open, or the next one, written as open. */
    private Optional<Begun> begin(Transaction state) {
        Operation operation = state.operation(id).orElseThrow();
        if (operation.getState() != OperationState.OPEN) {
            return Optional.empty();
        }
        Job job = state.job(operation.getJob()).orElseThrow();
        if (operation.getStepsCount() > 0) {
            Step last = operation.getSteps(operation.getStepsCount() - 1);
            if (last.getState() == StepState.STEP_OPEN) {
                return Optional.of(new Begun(operation, job, StepName.valueOf(last.getName()), last.getAttempt(), last.getNode()));
            }
            throw new IllegalStateException("operation " + id + " has no open step and has not ended");
        }
        Operation.Builder builder = operation.toBuilder();
        open(state, builder, Plan.of(operation.getKind()).first());
        Operation written = state.put(builder.build());
        Step first = written.getSteps(0);
        return Optional.of(new Begun(written, state.job(operation.getJob()).orElseThrow(), StepName.valueOf(first.getName()), first.getAttempt(), first.getNode()));
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
                        .setStartedAt(System.currentTimeMillis()));
    }

    private Operation local(Begun begun) throws InterruptedException {
        while (true) {
            Operation[] after = new Operation[1];
            // Only a step that waits looks again, after any change in the cluster.
            boolean decided = changes.await(Changes.ANYTHING, ROOM, () -> {
                after[0] = store.transact(state -> tryLocal(state, begun));
                return after[0].getVersion() != begun.operation().getVersion();
            });
            if (decided) {
                return after[0];
            }
        }
    }

    private Operation tryLocal(Transaction state, Begun begun) {
        Operation current = state.operation(id).orElseThrow();
        if (current.getVersion() != begun.operation().getVersion()) {
            return current;
        }
        Operation.Builder operation = current.toBuilder();
        Job job = state.job(operation.getJob()).orElseThrow();
        Outcome outcome =
                switch (begun.step()) {
                    case PLACE -> LocalSteps.place(state, operation, job);
                    case RESERVE -> LocalSteps.reserve(state, operation, job);
                    case COMMIT -> LocalSteps.commit(state, operation, job);
                    case FALL_BACK -> LocalSteps.fallBack(state, operation, job);
                    case START, CHECK, DUMP, KILL, THAW, RESTORE -> skipped(state, operation, job, begun.step());
                };
        return outcome.waits() ? current : finish(state, operation, begun.step(), outcome, CommandResult.getDefaultInstance());
    }

    /** A node's step without a node: nothing of the job is anywhere. */
    private static Outcome skipped(Transaction state, Operation.Builder operation, Job job, StepName step) {
        return NodeSteps.apply(step, state, operation, job, CommandResult.getDefaultInstance());
    }

    private Operation onNode(Begun begun) throws InterruptedException {
        Command command = nodeSteps.command(begun.step(), begun.attempt(), begun.operation(), begun.job());
        CommandDesk.Open order = desk.order(begun.node(), command, progress);
        try {
            Optional<CommandResult> result = await(begun, order);
            Operation after = store.transact(state -> finishOnNode(state, begun, result));
            if (result.isPresent()) {
                desk.acknowledge(begun.node(), command.getId());
            }
            return after;
        } finally {
            desk.drop(order);
        }
    }

    /** The result; empty: the node is silent for too long, or declared dead. */
    private Optional<CommandResult> await(Begun begun, CommandDesk.Open order) throws InterruptedException {
        long end = System.nanoTime() + nodeSteps.deadline(begun.step()).plus(GRACE).toNanos();
        // After the commit nothing but a receipt allows to go on.
        boolean forEver = begun.step() == StepName.KILL;
        while (forEver || System.nanoTime() < end) {
            try {
                return Optional.of(order.answer().get(LOOK.toMillis(), TimeUnit.MILLISECONDS));
            } catch (TimeoutException notYet) {
                if (isDead(begun.node())) {
                    return Optional.empty();
                }
            } catch (ExecutionException impossible) {
                throw new IllegalStateException(impossible);
            }
        }
        return Optional.empty();
    }

    private boolean isDead(String node) {
        return store.transact(state -> state.node(node)).map(record -> record.getState() == NodeState.DEAD).orElse(false);
    }

    private Operation finishOnNode(Transaction state, Begun begun, Optional<CommandResult> result) {
        Operation.Builder operation = state.operation(id).orElseThrow().toBuilder();
        Job job = state.job(operation.getJob()).orElseThrow();
        Outcome outcome;
        if (result.isPresent()) {
            outcome = NodeSteps.apply(begun.step(), state, operation, job, result.get());
        } else if (state.node(begun.node()).map(node -> node.getState() == NodeState.DEAD).orElse(false)) {
            outcome = NodeSteps.dead(begun.step(), state, operation, job, begun.node());
        } else {
            outcome = NodeSteps.silent(begun.step(), state, job, begun.node(), nodeSteps.deadline(begun.step()).plus(GRACE));
        }
        return finish(state, operation, begun.step(), outcome, result.orElse(CommandResult.getDefaultInstance()));
    }

    /** Writes the end of a step and the begin of the next, or the end of all. */
    private Operation finish(Transaction state, Operation.Builder operation, StepName step, Outcome outcome, CommandResult result) {
        int index = operation.getStepsCount() - 1;
        Step.Builder record = operation.getSteps(index).toBuilder();
        record.setState(outcome.succeeded() ? StepState.STEP_DONE : StepState.STEP_FAILED)
                .setEndedAt(System.currentTimeMillis())
                .addAllPhases(result.getPhasesList())
                .setNote(outcome.note());
        outcome.error().ifPresent(record::setError);
        operation.setSteps(index, record);
        Plan.Next next = Plan.of(operation.getKind()).after(step, outcome.succeeded());
        boolean again = step == StepName.KILL && !outcome.succeeded() && record.getAttempt() < MOST_KILLS;
        if (again) {
            next = new Plan.Next.Go(StepName.KILL);
        }
        LOG.info("operation {}: {} {}{}", id, step, outcome.succeeded() ? "done" : "failed: ", outcome.error().map(ErrorDetail::getMessage).orElse(""));
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
        return state.put(operation.build());
    }

    /** Nobody may take for stopped what has not died. */
    private static void unkillable(Transaction state, Operation.Builder operation) {
        Job job = state.job(operation.getJob()).orElseThrow();
        state.put(
                job.toBuilder()
                        .setState(JobState.UNREACHABLE)
                        .setNode(operation.getSourceNode())
                        .setReason("its processes on node " + operation.getSourceNode() + " could not be killed")
                        .build());
    }
}
