package dev.ferry.chaos.simulation;

import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobJournal;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.LocalState;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.function.Consumer;

/**
 * One job of a daemon. Mirrors JobAgent with WaitingOrders and OrderRunner (one order after the other, journal before act, result before word), Holds and Fence; what
 * orders do is in {@link SimActs}, what a new daemon makes of it in {@link SimRecovery}. Between any two acts the daemon may be killed.
 */
final class SimAgent {
    private final SimDaemon daemon;
    private final World world;
    private final String job;
    private final SimActs acts;
    private final Queue<Runnable> work = new ArrayDeque<>();
    private final Map<String, Long> waiting = new HashMap<>();
    private final Set<String> settled = new HashSet<>();
    private boolean busy;

    SimAgent(SimDaemon daemon, String job) {
        this.daemon = daemon;
        this.job = job;
        world = daemon.world();
        acts = new SimActs(this);
    }

    SimDaemon daemon() {
        return daemon;
    }

    String job() {
        return job;
    }

    JobJournal record() {
        return daemon.node().disk().getOrDefault(job, JobJournal.getDefaultInstance());
    }

    /** Journal.change. */
    void change(Consumer<JobJournal.Builder> change) {
        JobJournal.Builder builder = record().toBuilder().setJob(job);
        change.accept(builder);
        JobJournal written = builder.build();
        daemon.node().disk().put(job, written);
        world.journalWritten(daemon, written);
    }

    void enter(LocalState state) {
        change(record -> record.setState(state));
    }

    Optional<SimNode.Copy> copy() {
        return daemon.node().copy(job);
    }

    JobReport report() {
        JobJournal record = record();
        JobReport.Builder report = JobReport.newBuilder().setJob(job).setIncarnation(record.getIncarnation()).setState(record.getState());
        if (record.hasExitStatus()) {
            report.setExitStatus(record.getExitStatus());
        }
        return report.build();
    }

    static ErrorDetail error(ErrorCode code, String message) {
        return ErrorDetail.newBuilder().setCode(code).setMessage(message).build();
    }

    static boolean isLive(LocalState state) {
        return state == LocalState.LOCAL_RUNNING || state == LocalState.LOCAL_FROZEN || state == LocalState.LOCAL_PARKED;
    }

    private Optional<CommandResult> recorded(String command) {
        return record().getResultsList().stream().filter(result -> result.getId().equals(command)).findFirst();
    }

    /** JobAgent.acknowledged. */
    void acknowledged(String command) {
        if (recorded(command).isPresent()) {
            change(record -> {
                removeResult(record, command);
                settled.add(command);
            });
        }
    }

    private static void removeResult(JobJournal.Builder record, String command) {
        List<CommandResult> kept = record.getResultsList().stream().filter(result -> !result.getId().equals(command)).toList();
        record.clearResults().addAllResults(kept);
    }

    /** JobAgent.stands: whichever order is being worked on. */
    void stands(long life) {
        boolean stands = record().getIncarnation() == life;
        if (!isLive(record().getState()) && record().getState() != LocalState.LOCAL_CREATING) {
            return;
        }
        if (isHeld() == stands) {
            world.simulation().trace(() -> daemon.node() + ": life " + record().getIncarnation() + " of " + job + (stands ? " may run here after all" : " shall not run here"));
            change(record -> record.setHeld(!stands));
            if (stands) {
                copy().ifPresent(there -> there.mark(false));
                add(() -> {
                    goOn();
                    done();
                });
            }
        }
        if (!stands) {
            hold();
        }
    }

    /** Holds.hold. */
    private void hold() {
        copy().ifPresent(there -> there.mark(true));
        if (record().getState() == LocalState.LOCAL_CREATING) {
            daemon.node().remove(job);
        }
    }

    /** JobCgroup.isHeld. */
    private boolean isHeld() {
        return record().getHeld() || copy().filter(SimNode.Copy::isMarked).isPresent();
    }

    /** JobCgroup.thaw; empty: the job's group is thawed. */
    Optional<ErrorDetail> thawGroup() {
        if (isHeld()) {
            return Optional.of(error(ErrorCode.WRONG_STATE, "the coordinator has said that this life shall not run here"));
        }
        copy().ifPresent(there -> there.hold(false));
        return Optional.empty();
    }

    /** Recovery.goOn. */
    void goOn() {
        if (record().getState() == LocalState.LOCAL_RUNNING) {
            var unused = thawGroup();
        }
    }

    /** JobAgent.submit. */
    void submit(Command command, long orders) {
        Optional<CommandResult> known = recorded(command.getId());
        if (known.isPresent()) {
            daemon.result(known.get());
            return;
        }
        if (settled.contains(command.getId())) {
            return;
        }
        boolean open = record().hasOpenCommand() && record().getOpenCommand().getId().equals(command.getId());
        if (open || waiting.put(command.getId(), orders) != null) {
            return;
        }
        add(() -> execute(command));
    }

    /** What is done when all that came before is done. */
    void add(Runnable turn) {
        work.add(turn);
        next();
    }

    private void next() {
        if (busy || work.isEmpty()) {
            return;
        }
        busy = true;
        daemon.process().execute(work.remove());
    }

    void done() {
        busy = false;
        next();
    }

    private boolean isOfTheNewestStream(Command command) {
        return waiting.get(command.getId()) >= daemon.orders();
    }

    /** OrderRunner.execute. */
    private void execute(Command command) {
        Optional<CommandResult> known = recorded(command.getId());
        if (known.isPresent()) {
            waiting.remove(command.getId());
            daemon.result(known.get());
            done();
            return;
        }
        boolean needsThreads = command.hasStart() || command.hasRestore() || command.hasDump();
        if (needsThreads && daemon.node().lease().isOver() && isOfTheNewestStream(command)) {
            daemon.whenLeaseOrStreamChanges(() -> execute(command));
            return;
        }
        Optional<ErrorDetail> refused = fence(command);
        if (refused.isPresent()) {
            finish(command, Optional.empty(), refused);
            return;
        }
        if (!isOfTheNewestStream(command)) {
            waiting.remove(command.getId());
            world.simulation().trace(() -> daemon.node() + " passes over " + command.getId() + " of a stream that is over");
            done();
            return;
        }
        open(command);
        world.simulation().trace(() -> daemon.node() + " begins " + command.getId() + " for life " + command.getIncarnation());
        acts.begin(command);
    }

    private void open(Command command) {
        change(
                record -> {
                    record.setOpenCommand(command).setIncarnation(command.getIncarnation());
                    record.setHighestIncarnation(Math.max(record.getHighestIncarnation(), command.getIncarnation()));
                    if (command.hasStart() || command.hasRestore()) {
                        record.setSpec(command.hasStart() ? command.getStart().getSpec() : command.getRestore().getSpec());
                        record.setState(LocalState.LOCAL_CREATING).clearDiscarded().clearExitStatus().clearHeld();
                    }
                });
    }

    /** Fence.check. */
    private Optional<ErrorDetail> fence(Command command) {
        JobJournal record = record();
        if (command.getIncarnation() < record.getHighestIncarnation()) {
            boolean killsOld = command.hasKill() && record.getIncarnation() <= command.getIncarnation();
            if (!killsOld) {
                return Optional.of(error(ErrorCode.STALE_INCARNATION, "an order for life " + command.getIncarnation() + " after life " + record.getHighestIncarnation()));
            }
        }
        return switch (command.getActionCase()) {
            case START, RESTORE ->
                    command.getIncarnation() <= record.getHighestIncarnation()
                            ? Optional.of(error(ErrorCode.STALE_INCARNATION, "life " + command.getIncarnation() + " was begun here before"))
                            : copy().map(there -> error(ErrorCode.WRONG_STATE, there + " is still here"));
            case DUMP, PRE_COPY, PARK -> require(command, LocalState.LOCAL_RUNNING);
            case UNPARK -> require(command, LocalState.LOCAL_PARKED);
            case THAW -> require(command, LocalState.LOCAL_FROZEN, LocalState.LOCAL_RUNNING, LocalState.LOCAL_PARKED);
            case KILL, SIGNAL, FORGET, CHECK, ESTIMATE, PREFETCH, FILL, TRY_RESTORE, ACTION_NOT_SET -> Optional.empty();
        };
    }

    private Optional<ErrorDetail> require(Command command, LocalState... states) {
        boolean fits = record().getIncarnation() == command.getIncarnation() && List.of(states).contains(record().getState());
        return fits ? Optional.empty() : Optional.of(error(ErrorCode.WRONG_STATE, "life " + record().getIncarnation() + " is " + record().getState()));
    }

    /** EndActions.ended, without an exit status. */
    void lost() {
        daemon.node().remove(job);
        enter(LocalState.LOCAL_LOST);
    }

    /** LifeEnd.end. */
    void sawDeath() {
        if (isLive(record().getState()) && copy().isEmpty()) {
            lost();
            daemon.report(report());
        }
    }

    /** OrderRunner.finish. */
    void finish(Command command, Optional<Image> image, Optional<ErrorDetail> error) {
        CommandResult.Builder result = CommandResult.newBuilder().setId(command.getId()).setJob(report());
        image.ifPresent(result::setImage);
        error.ifPresent(result::setError);
        CommandResult whole = result.build();
        change(
                record -> {
                    removeResult(record, whole.getId());
                    if (record.getOpenCommand().getId().equals(whole.getId())) {
                        record.clearOpenCommand();
                    }
                    record.addResults(whole);
                });
        waiting.remove(whole.getId());
        world.simulation().trace(() -> daemon.node() + " has done " + command.getId() + ": " + error.map(ErrorDetail::getMessage).orElse("well") + ", " + record().getState());
        daemon.result(whole);
        done();
    }

    /** JobAgent.start. */
    void recover() {
        add(new SimRecovery(this, acts)::run);
    }
}
