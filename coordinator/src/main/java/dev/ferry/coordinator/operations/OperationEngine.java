package dev.ferry.coordinator.operations;

import dev.ferry.common.Scheduler;
import dev.ferry.coordinator.nodes.CommandDesk;
import dev.ferry.coordinator.store.Changes;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.CommandProgress;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.StepState;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Drives every open operation; after a restart from where it stands in the store. None holds a thread while it waits. */
public final class OperationEngine implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(OperationEngine.class);
    private static final Duration SWEEP = Duration.ofSeconds(5);

    private final StateStore store;
    private final CommandDesk desk;
    private final Changes changes;
    private final Scheduler scheduler;
    private final OperationMachine machine;
    private final WaitingRoom waitingRoom;
    private final Map<String, OperationRun> running = new ConcurrentHashMap<>();
    /** Operations whose open step is ordered from a node, by the node's name. */
    private final Map<String, Map<String, OperationRun>> onNode = new ConcurrentHashMap<>();
    private final Map<String, CommandProgress> progress = new ConcurrentHashMap<>();
    /** Open operations that nobody drove at the last look: {@link #sweep}. */
    private Set<String> undriven = Set.of();
    private volatile Consumer<Operation> onEnd = ended -> {};
    private volatile boolean closed;

    public OperationEngine(StateStore store, CommandDesk desk, Changes changes, Deadlines deadlines, Scheduler scheduler) {
        this.store = store;
        this.desk = desk;
        this.changes = changes;
        this.scheduler = scheduler;
        machine = new OperationMachine(new NodeSteps(deadlines, desk::peer));
        waitingRoom = new WaitingRoom(scheduler, id -> tell(id, new Event.Look()));
        desk.setStillWanted(this::isOpenStep);
        store.onChange(this::changed);
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
        Scheduler.Timer ignored = scheduler.after(SWEEP, this::sweep);
    }

    /**
     * Drives what is open and in nobody's hands. A transaction that opened an operation may have been written and not answered: whoever
     * asked for it was told of a failure and drives nothing. Twice in a row, because one that was just opened is in nobody's hands either.
     */
    private void sweep() {
        if (closed) {
            return;
        }
        try {
            Set<String> left = store.transact(Transaction::openOperations).stream().map(Operation::getId).filter(id -> !running.containsKey(id)).collect(Collectors.toSet());
            left.stream().filter(undriven::contains).forEach(id -> {
                LOG.warn("operation {} is open and was in nobody's hands: it goes on", id);
                drive(id);
            });
            undriven = left;
        } catch (RuntimeException | Error failed) {
            LOG.error("open operations could not be looked at; they are again in {} s", SWEEP.toSeconds(), failed);
        }
        Scheduler.Timer ignored = scheduler.after(SWEEP, this::sweep);
    }

    /** Begins to drive an operation that is in the store. */
    public void drive(String operation) {
        if (closed) {
            return;
        }
        running.computeIfAbsent(operation, id -> new OperationRun(id, this)).tell(new Event.Look());
    }

    private void tell(String operation, Event event) {
        OperationRun run = running.get(operation);
        if (run != null) {
            run.tell(event);
        }
    }

    /** After each transaction: who waits for a change looks again; who waits for a node's answer is told when its record changed. */
    private void changed(Iterable<String> keys) {
        if (closed) {
            return;
        }
        waitingRoom.changed();
        for (String key : keys) {
            onNode.getOrDefault(key, Map.of()).values().forEach(run -> run.tell(new Event.NodeChanged(key)));
        }
    }

    Next apply(String operation, Event event) {
        return store.transact(state -> machine.apply(state, operation, event));
    }

    Scheduler scheduler() {
        return scheduler;
    }

    CommandDesk desk() {
        return desk;
    }

    boolean isClosed() {
        return closed;
    }

    WaitingRoom waitingRoom() {
        return waitingRoom;
    }

    void ordered(String node, OperationRun run) {
        onNode.computeIfAbsent(node, name -> new ConcurrentHashMap<>()).put(run.id(), run);
    }

    void answered(String node, OperationRun run) {
        Map<String, OperationRun> there = onNode.get(node);
        if (there != null) {
            there.remove(run.id());
        }
    }

    void progressed(String operation, CommandProgress told) {
        progress.put(operation, told);
        changes.tell(List.of(operation));
    }

    void ended(String operation) {
        running.remove(operation);
        progress.remove(operation);
    }

    /** What nodes said of a job while its operation was open was left to that: what is not known now is asked again. */
    void announce(Operation ended) {
        account(ended.getJob(), Pauses.FIRST);
        onEnd.accept(ended);
    }

    private void account(String job, Duration pause) {
        if (closed) {
            return;
        }
        try {
            Optional<Job> unknown = store.transact(state -> state.job(job)).filter(record -> record.getState() == JobState.UNREACHABLE);
            unknown.ifPresent(record -> desk.askAgain(record.getNode()));
            desk.operationEnded(job);
        } catch (RuntimeException | Error failed) {
            LOG.error("job {} can't be accounted for now; tried again in {} s", job, pause.toSeconds(), failed);
            Scheduler.Timer ignored = scheduler.after(pause, () -> account(job, Pauses.after(pause)));
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
    boolean isOpenStep(String command) {
        int end = command.indexOf('/');
        if (end < 0) {
            return false;
        }
        Optional<Operation> operation = store.transact(state -> state.operation(command.substring(0, end)));
        return operation.flatMap(OperationMachine::openStep).filter(step -> OperationMachine.belongs(command, operation.get(), step)).isPresent();
    }

    /** Stops driving; what is open stays so in the store. */
    @Override
    public void close() {
        closed = true;
        running.values().forEach(OperationRun::stop);
    }
}
