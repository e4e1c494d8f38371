package dev.ferry.chaos.simulation;

import dev.ferry.common.Ids;
import dev.ferry.coordinator.api.Verbs;
import dev.ferry.coordinator.operations.Continuation;
import dev.ferry.coordinator.operations.Crash;
import dev.ferry.coordinator.operations.CrashTable;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobJournal;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.Step;
import dev.ferry.proto.v1.StepState;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** A world in which nothing goes wrong but one thing: a crash of one part at one step of one operation, exactly when that is open. */
final class CrashWorld extends World {
    /** Always the same, so that a change is judged by what it changes; others are tried by hand. */
    private static final long SEED = Long.getLong("ferry.seed", 1);
    private static final long SECOND = 1_000_000_000L;
    /** Longer than a coordinator must have led before an operator may declare a node dead. */
    private static final long LEADS = 20 * SECOND;
    private static final long BACK_SOON = 2 * SECOND;
    private static final long DECLARED = 4 * SECOND;
    private static final long BACK_LATE = 30 * SECOND;
    private static final long LONGEST = 600 * SECOND;
    /** What the coordinator adds to a deadline, and some more. */
    private static final long OVER = 20 * SECOND;

    private final CrashTable.Cell cell;
    private Optional<String> watched = Optional.empty();
    private Optional<Continuation> found = Optional.empty();
    private boolean struck;

    CrashWorld(CrashTable.Cell cell) {
        super(SEED, true);
        this.cell = cell;
    }

    /**
     * Lets the operation run into the crash, and all parts come back.
     *
     * @throws Violation when an invariant breaks, or when something does not end
     */
    Continuation runCell() {
        Ids.drawnFrom(simulation().random(), this::live);
        return found.orElseThrow();
    }

    /** The job when all is settled. */
    Job job() {
        return tables().jobs.values().iterator().next();
    }

    private void live() {
        begin();
        faults().stop();
        until(() -> simulation().now() > LEADS, "the coordinator leads");
        JobSpec spec = JobSpec.newBuilder().addCommand("/bin/true").setGpus(cell.row().gpus()).build();
        leader().ask("run", verbs -> verbs.run(spec));
        if (kind() != OperationKind.START) {
            prepare();
        }
        until(() -> found.isPresent(), "the operation ends");
        if (!struck) {
            throw new IllegalStateException(cell + " was not tried");
        }
        long end = simulation().now() + BACK_LATE + SECOND;
        until(() -> simulation().now() > end, "what was lost comes back");
        settle();
    }

    private OperationKind kind() {
        return cell.row().plan().kind();
    }

    private void prepare() {
        until(() -> isFree(JobState.RUNNING), "the job runs");
        if (kind() != OperationKind.CHECKPOINT) {
            ask("checkpoint", verbs -> verbs.checkpoint(job().getId()));
            until(() -> isFree(JobState.RUNNING) && !job().getLatestImage().isEmpty(), "the job has an image");
        }
        if (kind() == OperationKind.RESUME || kind() == OperationKind.RESTORE) {
            ask("suspend", verbs -> verbs.suspend(job().getId()));
            until(() -> isFree(JobState.SUSPENDED), "the job is suspended");
        }
        if (kind() == OperationKind.UNPARK) {
            ask("park", verbs -> verbs.park(job().getId()));
            until(() -> isFree(JobState.PARKED), "the job is parked");
        }
        String job = job().getId();
        ask(
                cell.row().title(),
                verbs -> {
                    switch (kind()) {
                        case CHECKPOINT -> verbs.checkpoint(job);
                        case SUSPEND -> verbs.suspend(job);
                        case RESUME, UNPARK -> verbs.resume(job, "");
                        case MIGRATE -> verbs.migrate(job, "", cell.row().live(), "operator");
                        case RESTORE -> verbs.restore(job, "");
                        case CANCEL -> verbs.cancel(job);
                        case PARK -> verbs.park(job);
                        case REWIND -> verbs.rewind(job, "operator");
                        case START, OPERATION_KIND_UNSPECIFIED, UNRECOGNIZED -> throw new IllegalStateException("nobody asks for " + kind());
                    }
                });
    }

    private void ask(String what, Consumer<Verbs> call) {
        leader().ask(what, call);
    }

    private boolean isFree(JobState state) {
        return !tables().jobs.isEmpty() && job().getState() == state && job().getOperation().isEmpty();
    }

    private void until(BooleanSupplier condition, String what) {
        long end = simulation().now() + LONGEST;
        while (!condition.getAsBoolean()) {
            if (simulation().now() > end) {
                throw new Violation(Invariant.EVERY_OPERATION_ENDS, "it never comes to this: " + what + "; " + tables().operations.values());
            }
            step();
        }
    }

    // The one thing that goes wrong.

    private boolean isDue(Crash crash, Command command) {
        return cell.crash() == crash && isTheStep(command);
    }

    /** Whether an order is that of the step, which is open for the first time, and the crash is still to come. */
    private boolean isTheStep(Command command) {
        return isTheStep(command.getId());
    }

    private boolean isTheStep(String command) {
        String operation = command.split("/", 2)[0];
        return !struck && watches(operation) && command.equals(operation + "/" + cell.row().step() + "/1");
    }

    /** The first operation of its kind. */
    private boolean watches(String id) {
        if (watched.isEmpty() && tables().operations.containsKey(id) && tables().operations.get(id).getKind() == kind()) {
            watched = Optional.of(id);
        }
        return watched.filter(id::equals).isPresent();
    }

    private Optional<Step> step(Operation operation) {
        return operation.getStepsList().stream().filter(step -> step.getName().equals(cell.row().step().name()) && step.getAttempt() == 1).findFirst();
    }

    private boolean isOpen(Operation operation) {
        return step(operation).filter(step -> step.getState() == StepState.STEP_OPEN).isPresent();
    }

    @Override
    void beforeCommit(SimProcess process, MemoryTransaction transaction) {
        if (struck || cell.crash() != Crash.COORDINATOR_BEFORE_WRITE) {
            return;
        }
        for (Operation after : transaction.operations.values()) {
            if (watches(after.getId()) && isOpen(tables().operations.get(after.getId())) && !isOpen(after)) {
                killCoordinator(process);
            }
        }
    }

    @Override
    void afterCommit(SimProcess process) {
        List.copyOf(tables().operations.keySet()).forEach(this::watches);
        Optional<Operation> operation = watched.map(tables().operations::get);
        if (operation.isPresent() && operation.get().getState() != OperationState.OPEN && found.isEmpty()) {
            int from = step(operation.get()).map(operation.get().getStepsList()::indexOf).orElseThrow();
            found = Optional.of(Continuation.of(operation.get(), from, job().getState()));
        }
        if (!struck && cell.crash() == Crash.COORDINATOR_AT_BEGIN && operation.filter(this::isOpen).isPresent()) {
            killCoordinator(process);
        }
    }

    private void killCoordinator(SimProcess process) {
        strike();
        process.kill();
        simulation().schedule(nobody(), BACK_SOON, this::newLeaderIfNone);
        throw Simulation.crash();
    }

    private void killDaemon(SimDaemon daemon) {
        strike();
        daemon.node().killDaemon();
        simulation().schedule(nobody(), BACK_SOON, () -> restartDaemon(daemon.node()));
        throw Simulation.crash();
    }

    private void strike() {
        struck = true;
        simulation().trace(() -> "now: " + cell);
    }

    @Override
    boolean ordered(SimDaemon daemon, Command command) {
        if (isDue(Crash.DAEMON_BEFORE, command)) {
            killDaemon(daemon);
        }
        if (isDue(Crash.NODE_DECLARED_DEAD, command)) {
            strike();
            daemon.node().crash();
            simulation().schedule(nobody(), DECLARED, () -> declareDead(daemon.node()));
            whenEnded(() -> bootMachine(daemon.node()));
            return false;
        }
        if (isDue(Crash.NODE_LEASE_OVER, command)) {
            strike();
            daemon.process().pause();
            whenEnded(daemon.process()::resume);
            return false;
        }
        return true;
    }

    /** A while after the operation's end. */
    private void whenEnded(Runnable comesBack) {
        if (found.isPresent()) {
            simulation().schedule(nobody(), BACK_LATE, comesBack);
        } else {
            simulation().schedule(nobody(), SECOND, () -> whenEnded(comesBack));
        }
    }

    @Override
    long hangs(Command command) {
        if (isDue(Crash.SILENCE, command)) {
            strike();
            return command.getDeadlineMillis() * 1_000_000 + OVER;
        }
        return 0;
    }

    @Override
    void journalWritten(SimDaemon daemon, JobJournal journal) {
        if (cell.crash() == Crash.DAEMON_UNHEARD && journal.getResultsList().stream().anyMatch(result -> isTheStep(result.getId()))) {
            killDaemon(daemon);
        }
    }

    @Override
    void begun(SimDaemon daemon, Command command) {
        if (isDue(Crash.DAEMON_MIDDLE, command)) {
            killDaemon(daemon);
        }
    }

    @Override
    void did(SimDaemon daemon, Command command) {
        if (isDue(Crash.DAEMON_BEFORE_WRITE, command)) {
            killDaemon(daemon);
        }
    }

    /** What must fail for the operation to come to the step. */
    @Override
    boolean fails(Command command) {
        String operation = command.getId().split("/", 2)[0];
        return !struck && watches(operation) && CrashTable.wayTo(cell.row()).stream().anyMatch(leg -> !leg.done() && command.getId().equals(operation + "/" + leg.step() + "/1"));
    }

    @Override
    boolean leases() {
        return true;
    }

    @Override
    boolean alone() {
        return true;
    }

    @Override
    double tooFastToCopy() {
        return 0;
    }
}
