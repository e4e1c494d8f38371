package dev.ferry.chaos.simulation;

import dev.ferry.coordinator.operations.Proofs;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.Requirements;
import java.time.Duration;
import java.util.Optional;

/**
 * What the orders to one job do. Mirrors StartAction, RestoreAction, DumpAction, PreCopyAction, ParkActions and EndActions. Who needs the job's threads
 * while the node's group is frozen waits with them, until his deadline.
 */
final class SimActs {
    private final SimAgent agent;
    private final SimDaemon daemon;
    private final World world;
    private long begun;

    SimActs(SimAgent agent) {
        this.agent = agent;
        daemon = agent.daemon();
        world = daemon.world();
    }

    /** Does an order that is open in the journal. */
    void begin(Command command) {
        long hang = world.hangs(command);
        if (hang > 0) {
            world.simulation().schedule(daemon.process(), hang, () -> act(command));
        } else {
            act(command);
        }
    }

    private void act(Command command) {
        begun = daemon.process().nanos();
        if (world.fails(command)) {
            fail(command);
            return;
        }
        if (!command.hasDump()) {
            world.begun(daemon, command);
        }
        switch (command.getActionCase()) {
            case START -> later(50, 3000, () -> create(command, 0));
            case RESTORE -> later(100, 8000, () -> restore(command));
            case DUMP -> dump(command);
            case THAW -> later(1, 50, () -> thaw(command));
            case PRE_COPY -> later(50, 8000, () -> preCopied(command));
            case KILL -> later(1, 500, () -> kill(command));
            case PARK -> later(20, 2000, () -> park(command));
            case UNPARK -> later(20, 2000, () -> unpark(command));
            case SIGNAL, FORGET, CHECK, ESTIMATE, PREFETCH, FILL, TRY_RESTORE, ACTION_NOT_SET -> failed(command, SimAgent.error(ErrorCode.INVALID_ARGUMENT, "not of this world"));
        }
    }

    private void fail(Command command) {
        if (command.hasStart() || command.hasRestore()) {
            notMade(command, ErrorCode.RESTORE_FAILED, "it could not be made");
        } else {
            dumpFailed(command, ErrorCode.DUMP_FAILED, "it could not be done");
        }
    }

    private void later(long fromMillis, long toMillis, Runnable act) {
        world.simulation().schedule(daemon.process(), world.simulation().between(fromMillis, toMillis), act);
    }

    private void failed(Command command, ErrorDetail error) {
        agent.finish(command, Optional.empty(), Optional.of(error));
    }

    private void done(Command command) {
        agent.finish(command, Optional.empty(), Optional.empty());
    }

    private boolean isLate(Command command) {
        return daemon.process().nanos() - begun > Duration.ofMillis(command.getDeadlineMillis()).toNanos();
    }

    private boolean keepsLease() {
        return Proofs.keepsLease(Job.newBuilder().setSpec(agent.record().getSpec()).build());
    }

    /** The end of StartAction and of RestoreAction: the life's first threads. */
    private void create(Command command, long progress) {
        if (agent.record().getHeld()) {
            notMade(command, ErrorCode.STALE_INCARNATION, "the coordinator has said meanwhile that this life shall not run here");
            return;
        }
        if (keepsLease() && daemon.node().lease().isFrozen()) {
            if (isLate(command)) {
                notMade(command, command.hasStart() ? ErrorCode.START_FAILED : ErrorCode.RESTORE_FAILED, "its first threads stand still: the node's lease has ended");
            } else {
                later(200, 2000, () -> create(command, progress));
            }
            return;
        }
        daemon.node().begin(agent.job(), command.getIncarnation(), keepsLease(), progress);
        world.did(daemon, command);
        later(
                1,
                20,
                () -> {
                    agent.enter(LocalState.LOCAL_RUNNING);
                    done(command);
                    // LifeEnd.watch: who waits for a process that is dead by now sees it at once.
                    daemon.process().execute(agent::sawDeath);
                });
    }

    private void notMade(Command command, ErrorCode code, String why) {
        agent.change(record -> record.setState(LocalState.LOCAL_KILLED).setDiscarded(true));
        failed(command, SimAgent.error(code, why));
    }

    private void restore(Command command) {
        Optional<SimImages.Stored> image = world.images().get(command.getRestore().getImage());
        if (world.faults().storeFails() || image.isEmpty()) {
            notMade(command, image.isEmpty() ? ErrorCode.IMAGE_NOT_FOUND : ErrorCode.STORE_UNREACHABLE, "the image can't be read");
            return;
        }
        create(command, image.get().progress());
    }

    /** PreCopyAction: nothing of the job changes. */
    private void preCopied(Command command) {
        if (agent.copy().isEmpty()) {
            agent.lost();
            failed(command, SimAgent.error(ErrorCode.WRONG_STATE, "the job ended by itself before it was copied"));
            return;
        }
        if (world.faults().storeFails() || world.simulation().chance(world.tooFastToCopy())) {
            failed(command, SimAgent.error(ErrorCode.DEADLINE_EXCEEDED, "the job writes too fast"));
        } else {
            world.did(daemon, command);
            done(command);
        }
    }

    private void dump(Command command) {
        Optional<SimNode.Copy> there = agent.copy();
        if (there.isEmpty()) {
            dumpFailed(command, ErrorCode.WRONG_STATE, "the job ended by itself before it was saved");
            return;
        }
        there.get().hold(true);
        later(20, 2000, () -> captured(command, there.get()));
    }

    private void captured(Command command, SimNode.Copy dumped) {
        if (agent.copy().filter(dumped::equals).isEmpty()) {
            dumpFailed(command, ErrorCode.WRONG_STATE, "the job ended by itself before it was saved");
            return;
        }
        // CRIU works with the job's own threads.
        if (dumped.keepsLease && daemon.node().lease().isFrozen()) {
            if (isLate(command)) {
                dumpFailed(command, ErrorCode.DUMP_TIMEOUT, "the job's threads stand still: the node's lease has ended");
            } else {
                later(200, 2000, () -> captured(command, dumped));
            }
            return;
        }
        long progress = dumped.progress();
        world.afterCapture(dumped);
        world.begun(daemon, command);
        if (!command.getDump().getStayFrozen()) {
            Optional<ErrorDetail> held = agent.thawGroup();
            if (held.isPresent()) {
                failed(command, held.get());
                return;
            }
        }
        later(50, 6000, () -> upload(command, dumped.incarnation, progress));
    }

    private void upload(Command command, long incarnation, long progress) {
        String id = command.getDump().getImage();
        if (world.faults().storeFails()) {
            dumpFailed(command, ErrorCode.STORE_UNREACHABLE, "the store does not answer");
            return;
        }
        world.images().put(id, new SimImages.Stored(agent.job(), incarnation, progress));
        world.faults().maybeCrash(daemon.process(), "after an image's manifest");
        world.did(daemon, command);
        if (command.getDump().getStayFrozen()) {
            agent.enter(LocalState.LOCAL_FROZEN);
        }
        agent.finish(command, Optional.of(image(command)), Optional.empty());
    }

    /** What the store says of the image of a dump. */
    Image image(Command command) {
        return Image.newBuilder()
                .setId(command.getDump().getImage())
                .setJob(agent.job())
                .setIncarnation(command.getIncarnation())
                .setSequence(command.getDump().getSequence())
                .setNode(daemon.node().name())
                .setRequirements(Requirements.newBuilder().setArchitecture("amd64").setKernel("6.18").setCriuVersion("4.2.1"))
                .build();
    }

    void dumpFailed(Command command, ErrorCode code, String why) {
        var unused = agent.thawGroup();
        if (agent.copy().isEmpty()) {
            agent.lost();
        }
        failed(command, SimAgent.error(code, why));
    }

    void thaw(Command command) {
        if (agent.copy().isEmpty()) {
            agent.lost();
            done(command);
            return;
        }
        Optional<ErrorDetail> held = agent.thawGroup();
        if (held.isPresent()) {
            failed(command, held.get());
            return;
        }
        world.did(daemon, command);
        agent.enter(LocalState.LOCAL_RUNNING);
        done(command);
    }

    /** ParkActions.park. */
    private void park(Command command) {
        Optional<SimNode.Copy> there = agent.copy();
        if (there.isEmpty() || agent.record().getHeld()) {
            failed(command, SimAgent.error(ErrorCode.WRONG_STATE, "there is nothing here that may be parked"));
            return;
        }
        there.get().hold(true);
        world.did(daemon, command);
        agent.enter(LocalState.LOCAL_PARKED);
        done(command);
    }

    /** ParkActions.unpark: of what is played here, no more than a thaw. */
    void unpark(Command command) {
        thaw(command);
    }

    void kill(Command command) {
        agent.copy().ifPresent(there -> daemon.node().kill(there, command.getId()));
        world.did(daemon, command);
        agent.change(record -> record.setState(LocalState.LOCAL_KILLED).setDiscarded(command.getKill().getDiscard() || record.getDiscarded()));
        done(command);
    }
}
