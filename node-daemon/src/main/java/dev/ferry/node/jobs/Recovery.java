package dev.ferry.node.jobs;

import dev.ferry.common.FerryException;
import dev.ferry.node.criu.CriuAftermath;
import dev.ferry.node.hooks.HookEvent;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobJournal;
import dev.ferry.proto.v1.LocalState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a daemon does with a job that an earlier daemon left. Each state of the journal has one
 * continuation:
 *
 * <ul>
 *   <li>a start or restore that was not finished: taken over if its command runs, else killed and removed
 *   <li>a dump: finished if its image is whole in the store and the job stood still since, else undone
 *   <li>a kill, thaw, forget or unpark: done again
 *   <li>a park: undone
 *   <li>a pre-copy: given up; it changed nothing
 *   <li>running, frozen or parked: left as it is, if the process still lives
 *   <li>ended: what the kernel still has of it is released
 * </ul>
 */
final class Recovery {
    private static final Logger LOG = LoggerFactory.getLogger(Recovery.class);

    private final LocalJob job;
    private final Command open;
    private final CommandResult.Builder result;

    private Recovery(LocalJob job) {
        this.job = job;
        open = job.record().getOpenCommand();
        result = CommandResult.newBuilder().setId(open.getId());
    }

    /**
     * @param finish takes the result of the order that was open
     */
    static void run(LocalJob job, Consumer<CommandResult.Builder> finish) throws Exception {
        JobJournal record = job.record();
        if (record.hasOpenCommand()) {
            Recovery recovery = new Recovery(job);
            LOG.info("job {}: {} was left open by an earlier daemon", job.id(), record.getOpenCommand().getId());
            try {
                recovery.resolve();
            } catch (InterruptedException ending) {
                // The order stays open for the next daemon.
                throw ending;
            } catch (Exception | Error failed) {
                LOG.warn("job {}: {} could not be taken up", job.id(), record.getOpenCommand().getId(), failed);
                recovery.result.setError(Failures.detail(failed, ErrorCode.INTERNAL));
            }
            finish.accept(recovery.result);
        }
        LocalState state = job.state();
        boolean live = LocalJob.isLive(state);
        if (live && !job.isAlive()) {
            EndActions.ended(job);
        } else if (state == LocalState.LOCAL_RUNNING) {
            goOn(job);
        } else if (!live && state != LocalState.LOCAL_CREATING) {
            // Its processes are killed by now (Strays); an earlier daemon may have ended before it had cleared.
            EndActions.clear(job);
        }
    }

    /**
     * A job that is said to run does: thawed, and with its GPU state where it belongs, however far an earlier daemon came. One that is said to be parked is. While the node's lease is over
     * no process could answer the GPU's driver: that part is left then, see {@link #isUnsettled}.
     */
    static void goOn(LocalJob job) throws Exception {
        boolean runs = job.state() == LocalState.LOCAL_RUNNING;
        if (job.cgroup().isHeld() || !(runs || job.state() == LocalState.LOCAL_PARKED)) {
            return;
        }
        // Also one that the kernel has not frozen yet, though it was asked to.
        if (runs && job.cgroup().exists()) {
            job.cgroup().thaw(job.context().freezeTimeout());
        }
        if (job.cgroup().isHeldFromAbove()) {
            return;
        }
        try (Phases phases = new Phases("recovery", job.context().outbox())) {
            GpuPhase gpu = new GpuPhase(job, phases);
            if (runs) {
                gpu.goOnOrLose();
            } else {
                gpu.parkAgain();
            }
        }
    }

    /** Whether the GPU state of a job that nobody works for is not where its record says, or its memory limit is not its own: a call of the driver did not come back in time. */
    static boolean isUnsettled(LocalJob job) {
        return switch (job.state()) {
            case LOCAL_RUNNING -> job.record().getGpuMemoryLimit() > 0;
            case LOCAL_PARKED -> !job.cgroup().isFrozen();
            case LOCAL_CREATING, LOCAL_FROZEN, LOCAL_EXITED, LOCAL_KILLED, LOCAL_LOST, LOCAL_STATE_UNSPECIFIED, UNRECOGNIZED -> false;
        };
    }

    private void resolve() throws Exception {
        try (Phases phases = new Phases(open.getId(), job.context().outbox())) {
            JobHooks hooks = new JobHooks(job, open, phases);
            switch (open.getActionCase()) {
                case START -> resolveStart();
                case RESTORE -> hooks.around(HookEvent.AFTER_RESTORE, open.getRestore().getImage(), this::resolveRestore);
                case DUMP -> hooks.around(HookEvent.AFTER_DUMP, open.getDump().getImage(), this::resolveDump);
                case THAW -> EndActions.thaw(job, open, phases);
                case KILL -> EndActions.kill(job, open, phases);
                case FORGET -> EndActions.forget(job);
                case PARK -> resolvePark();
                case UNPARK -> ParkActions.unpark(job, open, phases);
                case PRE_COPY ->
                        throw new FerryException(ErrorCode.DEADLINE_EXCEEDED, "The daemon of node " + job.context().node() + " was restarted while it copied the job ahead; the job was not touched");
                case SIGNAL, CHECK, ESTIMATE, PREFETCH, FILL, TRY_RESTORE, ACTION_NOT_SET ->
                        throw new FerryException(ErrorCode.DEADLINE_EXCEEDED, "The daemon was restarted; whether the signal was sent is not known");
            }
            result.addAllPhases(phases.done());
        }
    }

    private void resolveStart() throws Exception {
        if (job.state() != LocalState.LOCAL_CREATING) {
            return;
        }
        Optional<JobProcess> started = startedProcess();
        if (started.isPresent()) {
            job.enter(LocalState.LOCAL_RUNNING, record -> LocalJob.setProcess(record, started.get()));
            return;
        }
        undoCreation(null);
        throw new FerryException(ErrorCode.START_FAILED, "The daemon of node " + job.context().node() + " was restarted before the job's command ran");
    }

    /** The sandbox that runc made, if its command runs or has ended. */
    private Optional<JobProcess> startedProcess() throws IOException {
        Path pidFile = job.folder().path().resolve("runc.pid");
        if (!Files.exists(pidFile) || !Files.exists(job.folder().control().resolve("started"))) {
            return Optional.empty();
        }
        int pid = Integer.parseInt(Files.readString(pidFile).trim());
        if (job.cgroup().processes().contains(pid)) {
            return Optional.of(JobProcess.of(pid));
        }
        // It has ended, and whoever has its number now is a stranger.
        return Files.exists(job.folder().control().resolve("exit")) ? Optional.of(JobProcess.ended(pid)) : Optional.empty();
    }

    private void resolveRestore() throws Exception {
        if (job.state() != LocalState.LOCAL_CREATING) {
            // Whether the earlier daemon has told it is not known; twice does no harm.
            new JobNotify(job).goesOn(JobNotify.RESTORED);
            return;
        }
        undoCreation(job.folder().criu(RestoreAction.runFolder(open)));
        throw new FerryException(ErrorCode.RESTORE_FAILED, "The daemon of node " + job.context().node() + " was restarted in the middle of the restore; the image is untouched");
    }

    private void undoCreation(@org.jspecify.annotations.Nullable Path criuRun) throws Exception {
        if (criuRun != null) {
            CriuAftermath.killLeftovers(criuRun);
        }
        EndActions.killAll(job);
        // What it holds in the kernel and on disk is for the agent to clear, which may try that again.
        job.enter(LocalState.LOCAL_KILLED, record -> record.clearPid().setDiscarded(true));
    }

    private void resolveDump() throws Exception {
        if (job.state() == LocalState.LOCAL_FROZEN) {
            result.setImage(job.context().images().manifest(open.getDump().getImage()).getImage());
            releasePreCopy();
            return;
        }
        Path run = job.folder().criu(DumpAction.runFolder(open));
        // Before anything is frozen or killed: criu cures the job's threads and freezes the group again as it found it.
        if (!CriuAftermath.awaitEnd(run, CriuAftermath.ROLL_BACK)) {
            LOG.warn("job {}: the criu of {} did not end by itself and is killed", job.id(), open.getId());
        }
        boolean stoodStill = job.isAlive() && job.cgroup().isFrozen();
        Optional<Image> image = wholeImage();
        if (image.isPresent() && (stoodStill || !open.getDump().getStayFrozen())) {
            result.setImage(image.get());
            if (open.getDump().getStayFrozen()) {
                job.enter(LocalState.LOCAL_FROZEN, record -> record.setFrozenImage(open.getDump().getImage()));
            }
            DumpAction.leave(run);
            releasePreCopy();
            return;
        }
        if (job.isAlive()) {
            CriuAftermath.clean(run, job.cgroup(), job.process().orElseThrow());
            if (!job.record().getParked()) {
                goOn(job);
                new JobNotify(job).goesOn(JobNotify.THAWED);
            }
        } else {
            CriuAftermath.killLeftovers(run);
        }
        DumpAction.leave(run);
        throw new FerryException(
                ErrorCode.DUMP_FAILED, "The daemon of node " + job.context().node() + " was restarted in the middle of the dump" + (job.isAlive() ? "; the job runs on" : ""));
    }

    /** The earlier daemon may have ended before it did that, and nobody else does. */
    private void releasePreCopy() {
        if (open.getDump().getPreCopied()) {
            DumpAction.releasePreCopy(job, open.getDump().getImage());
        }
    }

    /** Undone: what was parked at once can be parked again. */
    private void resolvePark() throws Exception {
        if (job.state() == LocalState.LOCAL_PARKED) {
            return;
        }
        if (job.isAlive()) {
            goOn(job);
            new JobNotify(job).goesOn(JobNotify.THAWED);
        }
        throw new FerryException(
                ErrorCode.GPU_SAVE_FAILED, "The daemon of node " + job.context().node() + " was restarted while the job was being parked" + (job.isAlive() ? "; the job runs on" : ""));
    }

    private Optional<Image> wholeImage() {
        try {
            return Optional.of(job.context().images().manifest(open.getDump().getImage()).getImage());
        } catch (FerryException none) {
            LOG.info("job {}: image {} was not finished: {}", job.id(), open.getDump().getImage(), none.getMessage());
            return Optional.empty();
        }
    }
}
