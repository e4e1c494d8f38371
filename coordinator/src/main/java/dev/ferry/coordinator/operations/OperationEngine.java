package dev.ferry.coordinator.operations;

import dev.ferry.coordinator.nodes.CommandDesk;
import dev.ferry.coordinator.store.Changes;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.CommandProgress;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.StepState;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Drives every open operation, each on a virtual thread; after a restart from where it stands in the store. */
public final class OperationEngine implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(OperationEngine.class);

    private final StateStore store;
    private final CommandDesk desk;
    private final Changes changes;
    private final NodeSteps nodeSteps;
    private final Map<String, Thread> running = new ConcurrentHashMap<>();
    private final Map<String, CommandProgress> progress = new ConcurrentHashMap<>();
    private volatile Consumer<Operation> onEnd = ended -> {};
    private volatile boolean closed;

    public OperationEngine(StateStore store, CommandDesk desk, Changes changes, Deadlines deadlines) {
        this.store = store;
        this.desk = desk;
        this.changes = changes;
        nodeSteps = new NodeSteps(deadlines);
        desk.setStillWanted(this::isOpenStep);
    }

    /** Is told each operation that has ended. */
    public void onEnd(Consumer<Operation> listener) {
        onEnd = listener;
    }

    /** Takes up all that an earlier coordinator left open. */
    public void resumeAll() {
        List<Operation> open = store.transact(Transaction::openOperations);
        for (Operation operation : open) {
            LOG.info("operation {} ({} of job {}) goes on", operation.getId(), operation.getKind(), operation.getJob());
            drive(operation.getId());
        }
    }

    /** Begins to drive an operation that is in the store. */
    public void drive(String operation) {
        if (closed) {
            return;
        }
        Thread thread = Thread.ofVirtual().name(operation).unstarted(() -> run(operation));
        if (running.putIfAbsent(operation, thread) == null) {
            thread.start();
        }
    }

    private void run(String operation) {
        try {
            OperationRun run =
                    new OperationRun(
                            operation,
                            store,
                            desk,
                            changes,
                            nodeSteps,
                            told -> {
                                progress.put(operation, told);
                                changes.tell(List.of(operation));
                            });
            Optional<Operation> ended = run.toEnd();
            progress.remove(operation);
            ended.ifPresent(onEnd);
        } catch (InterruptedException stopped) {
            LOG.debug("operation {} waits for the next coordinator", operation);
        } catch (RuntimeException failed) {
            if (!closed) {
                LOG.error("operation {} can't be driven; it stays open and goes on at the next start", operation, failed);
            }
        } finally {
            running.remove(operation);
        }
    }

    /** How far the step is that a node works on. */
    public Operation withProgress(Operation operation) {
        CommandProgress told = progress.get(operation.getId());
        if (told == null || operation.getState() != OperationState.OPEN || operation.getStepsCount() == 0) {
            return operation;
        }
        int last = operation.getStepsCount() - 1;
        boolean same = operation.getSteps(last).getState() == StepState.STEP_OPEN && told.getId().startsWith(operation.getId() + "/" + operation.getSteps(last).getName() + "/");
        return same ? operation.toBuilder().setSteps(last, operation.getSteps(last).toBuilder().setProgress(told)).build() : operation;
    }

    /** Whether a result belongs to a step that is open in the store. */
    private boolean isOpenStep(String command) {
        String[] parts = command.split("/", -1);
        if (parts.length != 3) {
            return false;
        }
        return store.transact(state -> state.operation(parts[0]))
                .filter(operation -> operation.getState() == OperationState.OPEN && operation.getStepsCount() > 0)
                .map(operation -> operation.getSteps(operation.getStepsCount() - 1))
                .filter(step -> step.getState() == StepState.STEP_OPEN && step.getName().equals(parts[1]) && Integer.toString(step.getAttempt()).equals(parts[2]))
                .isPresent();
    }

    /** Stops driving; what is open stays so in the store. */
    @Override
    public void close() {
        closed = true;
        running.values().forEach(Thread::interrupt);
    }
}
