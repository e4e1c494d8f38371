package dev.ferry.chaos.simulation;

import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobJournal;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.Requirements;
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
 * One job of a daemon. Mirrors JobAgent (one order after the other, journal before act, result before word), Fence, DumpAction,
 * RestoreAction, StartAction, EndActions and Recovery; between any two of its acts the daemon may be killed.
 */
final class SimAgent {
    private final SimDaemon daemon;
    private final World world;
    private final String job;
    private final Queue<Command> work = new ArrayDeque<>();
    private final Map<String, Long> waiting = new HashMap<>();
    private final Set<String> settled = new HashSet<>();
    private boolean busy;

    SimAgent(SimDaemon daemon, String job) {
        this.daemon = daemon;
        this.job = job;
        world = daemon.world();
    }

    JobJournal record() {
        return daemon.node().disk().getOrDefault(job, JobJournal.getDefaultInstance());
    }

    /** Journal.change. */
    private void change(Consumer<JobJournal.Builder> change) {
        JobJournal.Builder builder = record().toBuilder().setJob(job);
        change.accept(builder);
        daemon.node().disk().put(job, builder.build());
        world.faults().maybeCrash(daemon.process(), "after a journal's write");
    }

    private void enter(LocalState state) {
        change(record -> record.setState(state));
    }

    private Optional<SimNode.Copy> copy() {
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
        work.add(command);
        next();
    }

    private void next() {
        if (busy || work.isEmpty()) {
            return;
        }
        busy = true;
        Command command = work.remove();
        daemon.process().execute(() -> execute(command));
    }

    /** JobAgent.execute. */
    private void execute(Command command) {
        Optional<CommandResult> known = recorded(command.getId());
        if (known.isPresent()) {
            waiting.remove(command.getId());
            daemon.result(known.get());
            done();
            return;
        }
        if (waiting.get(command.getId()) < daemon.orders()) {
            waiting.remove(command.getId());
            world.simulation().trace(() -> daemon.node() + " passes over " + command.getId() + " of a stream that is over");
            done();
            return;
        }
        Optional<ErrorDetail> refused = fence(command);
        if (refused.isPresent()) {
            finish(command, Optional.empty(), refused);
            return;
        }
        change(
                record -> {
                    record.setOpenCommand(command).setIncarnation(command.getIncarnation());
                    record.setHighestIncarnation(Math.max(record.getHighestIncarnation(), command.getIncarnation()));
                    if (command.hasStart() || command.hasRestore()) {
                        record.setState(LocalState.LOCAL_CREATING).clearDiscarded().clearExitStatus();
                    }
                });
        world.simulation().trace(() -> daemon.node() + " begins " + command.getId() + " for life " + command.getIncarnation());
        switch (command.getActionCase()) {
            case START -> later(50, 3000, () -> create(command, 0));
            case RESTORE -> later(100, 8000, () -> restore(command));
            case DUMP -> dump(command);
            case THAW -> later(1, 50, () -> thaw(command));
            case PRE_COPY -> later(50, 8000, () -> preCopied(command));
            case KILL -> later(1, 500, () -> kill(command));
            case SIGNAL, FORGET, CHECK, PARK, UNPARK, ESTIMATE, PREFETCH, ACTION_NOT_SET -> finish(command, Optional.empty(), Optional.of(error(ErrorCode.INVALID_ARGUMENT, "not of this world")));
        }
    }

    private void later(long fromMillis, long toMillis, Runnable act) {
        world.simulation().schedule(daemon.process(), world.simulation().between(fromMillis, toMillis), act);
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
        boolean begins = command.hasStart() || command.hasRestore() || command.hasDump();
        if (begins && daemon.node().isFenced()) {
            return Optional.of(error(ErrorCode.NODE_DOWN, "the lease of " + daemon.node() + " has ended"));
        }
        return switch (command.getActionCase()) {
            case START, RESTORE ->
                    command.getIncarnation() <= record.getHighestIncarnation()
                            ? Optional.of(error(ErrorCode.STALE_INCARNATION, "life " + command.getIncarnation() + " was begun here before"))
                            : copy().map(there -> error(ErrorCode.WRONG_STATE, there + " is still here"));
            case DUMP, PRE_COPY -> require(command, LocalState.LOCAL_RUNNING);
            case THAW -> require(command, LocalState.LOCAL_FROZEN, LocalState.LOCAL_RUNNING);
            case KILL, SIGNAL, FORGET, CHECK, PARK, UNPARK, ESTIMATE, PREFETCH, ACTION_NOT_SET -> Optional.empty();
        };
    }

    private Optional<ErrorDetail> require(Command command, LocalState... states) {
        boolean fits = record().getIncarnation() == command.getIncarnation() && List.of(states).contains(record().getState());
        return fits ? Optional.empty() : Optional.of(error(ErrorCode.WRONG_STATE, "life " + record().getIncarnation() + " is " + record().getState()));
    }

    /** StartAction, and the end of RestoreAction. */
    private void create(Command command, long progress) {
        daemon.node().begin(job, command.getIncarnation(), progress);
        later(
                1,
                20,
                () -> {
                    enter(LocalState.LOCAL_RUNNING);
                    finish(command, Optional.empty(), Optional.empty());
                    // JobAgent.watch: who waits for a process that is dead by now sees it at once.
                    daemon.process().execute(this::sawDeath);
                });
    }

    private void restore(Command command) {
        Optional<SimImages.Stored> image = world.images().get(command.getRestore().getImage());
        if (world.faults().storeFails() || image.isEmpty()) {
            enter(LocalState.LOCAL_KILLED);
            change(record -> record.setDiscarded(true));
            finish(command, Optional.empty(), Optional.of(error(image.isEmpty() ? ErrorCode.IMAGE_NOT_FOUND : ErrorCode.STORE_UNREACHABLE, "the image can't be read")));
            return;
        }
        create(command, image.get().progress());
    }

    /** PreCopyAction: nothing of the job changes. */
    private void preCopied(Command command) {
        if (copy().isEmpty()) {
            lost();
            finish(command, Optional.empty(), Optional.of(error(ErrorCode.WRONG_STATE, "the job ended by itself before it was copied")));
            return;
        }
        boolean fails = world.faults().storeFails() || world.simulation().chance(0.1);
        finish(command, Optional.empty(), fails ? Optional.of(error(ErrorCode.DEADLINE_EXCEEDED, "the job writes too fast")) : Optional.empty());
    }

    /** DumpAction. */
    private void dump(Command command) {
        Optional<SimNode.Copy> there = copy();
        if (there.isEmpty()) {
            dumpFailed(command, ErrorCode.WRONG_STATE, "the job ended by itself before it was saved");
            return;
        }
        there.get().hold(true);
        later(20, 2000, () -> captured(command, there.get()));
    }

    private void captured(Command command, SimNode.Copy dumped) {
        if (copy().filter(dumped::equals).isEmpty()) {
            dumpFailed(command, ErrorCode.WRONG_STATE, "the job ended by itself before it was saved");
            return;
        }
        long progress = dumped.progress();
        world.afterCapture(dumped);
        if (!command.getDump().getStayFrozen()) {
            dumped.hold(false);
        }
        later(50, 6000, () -> upload(command, dumped.incarnation, progress));
    }

    private void upload(Command command, long incarnation, long progress) {
        String id = command.getDump().getImage();
        if (world.faults().storeFails()) {
            dumpFailed(command, ErrorCode.STORE_UNREACHABLE, "the store does not answer");
            return;
        }
        world.images().put(id, new SimImages.Stored(job, incarnation, progress));
        world.faults().maybeCrash(daemon.process(), "after an image's manifest");
        if (command.getDump().getStayFrozen()) {
            enter(LocalState.LOCAL_FROZEN);
        }
        finish(command, Optional.of(image(command)), Optional.empty());
    }

    private Image image(Command command) {
        return Image.newBuilder()
                .setId(command.getDump().getImage())
                .setJob(job)
                .setIncarnation(command.getIncarnation())
                .setSequence(command.getDump().getSequence())
                .setNode(daemon.node().name())
                .setRequirements(Requirements.newBuilder().setArchitecture("amd64").setKernel("6.18").setCriuVersion("4.2.1"))
                .build();
    }

    private void dumpFailed(Command command, ErrorCode code, String why) {
        copy().ifPresent(there -> there.hold(false));
        if (copy().isEmpty()) {
            lost();
        }
        finish(command, Optional.empty(), Optional.of(error(code, why)));
    }

    /** EndActions.thaw. */
    private void thaw(Command command) {
        copy().ifPresentOrElse(
                there -> {
                    there.hold(false);
                    enter(LocalState.LOCAL_RUNNING);
                },
                this::lost);
        finish(command, Optional.empty(), Optional.empty());
    }

    /** EndActions.kill. */
    private void kill(Command command) {
        copy().ifPresent(there -> daemon.node().kill(there, command.getId()));
        change(record -> record.setState(LocalState.LOCAL_KILLED).setDiscarded(command.getKill().getDiscard() || record.getDiscarded()));
        finish(command, Optional.empty(), Optional.empty());
    }

    /** EndActions.ended, without an exit status. */
    private void lost() {
        enter(LocalState.LOCAL_LOST);
    }

    /** JobAgent.end. */
    void sawDeath() {
        boolean live = record().getState() == LocalState.LOCAL_RUNNING || record().getState() == LocalState.LOCAL_FROZEN;
        if (live && copy().isEmpty()) {
            lost();
            daemon.report(report());
        }
    }

    /** JobAgent.finish. */
    private void finish(Command command, Optional<Image> image, Optional<ErrorDetail> error) {
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

    private void done() {
        busy = false;
        next();
    }

    /** Recovery.run. */
    void recover() {
        busy = true;
        daemon.process()
                .execute(
                        () -> {
                            // The pid of an older journal is not alive: EndActions.ended kills what is in the job's group.
                            if (copy().filter(there -> there.incarnation != record().getIncarnation()).isPresent()) {
                                daemon.node().remove(job);
                            }
                            if (record().hasOpenCommand()) {
                                resolve(record().getOpenCommand());
                            } else {
                                settle();
                                done();
                            }
                        });
    }

    private void settle() {
        LocalState state = record().getState();
        boolean live = state == LocalState.LOCAL_RUNNING || state == LocalState.LOCAL_FROZEN;
        if (live && copy().isEmpty()) {
            lost();
            daemon.report(report());
        } else if (state == LocalState.LOCAL_RUNNING) {
            copy().ifPresent(there -> there.hold(false));
        }
    }

    private void resolve(Command open) {
        switch (open.getActionCase()) {
            case START -> {
                if (record().getState() == LocalState.LOCAL_CREATING && copy().isPresent()) {
                    enter(LocalState.LOCAL_RUNNING);
                    finish(open, Optional.empty(), Optional.empty());
                } else {
                    undone(open, ErrorCode.START_FAILED);
                }
            }
            case RESTORE -> undone(open, ErrorCode.RESTORE_FAILED);
            case DUMP -> resolveDump(open);
            case PRE_COPY -> finish(open, Optional.empty(), Optional.of(error(ErrorCode.DEADLINE_EXCEEDED, "the daemon was restarted while it copied ahead")));
            case THAW -> thaw(open);
            case KILL -> kill(open);
            case SIGNAL, FORGET, CHECK, PARK, UNPARK, ESTIMATE, PREFETCH, ACTION_NOT_SET -> finish(open, Optional.empty(), Optional.empty());
        }
        settle();
    }

    private void undone(Command open, ErrorCode code) {
        if (record().getState() != LocalState.LOCAL_CREATING) {
            finish(open, Optional.empty(), Optional.empty());
            return;
        }
        daemon.node().remove(job);
        change(record -> record.setState(LocalState.LOCAL_KILLED).setDiscarded(true));
        finish(open, Optional.empty(), Optional.of(error(code, "the daemon was restarted")));
    }

    private void resolveDump(Command open) {
        boolean stays = open.getDump().getStayFrozen();
        boolean stoodStill = copy().filter(SimNode.Copy::isHeld).isPresent();
        boolean whole = world.images().get(open.getDump().getImage()).isPresent();
        if (record().getState() == LocalState.LOCAL_FROZEN || (whole && (stoodStill || !stays))) {
            if (stays) {
                enter(LocalState.LOCAL_FROZEN);
            }
            finish(open, Optional.of(image(open)), Optional.empty());
            return;
        }
        dumpFailed(open, ErrorCode.DUMP_FAILED, "the daemon was restarted in the middle of the dump");
    }
}
