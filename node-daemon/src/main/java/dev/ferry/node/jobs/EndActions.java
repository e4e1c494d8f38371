package dev.ferry.node.jobs;

import dev.ferry.common.FerryException;
import dev.ferry.node.hooks.HookEvent;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobJournal;
import dev.ferry.proto.v1.LocalState;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** Thaw, kill, forget, and what is done when a job ended by itself. Each may be done twice. */
final class EndActions {
    static final Duration SOON = Duration.ofSeconds(30);

    private EndActions() {}

    static void thaw(LocalJob job, Command command, Phases phases) throws Exception {
        if (!job.isAlive()) {
            ended(job);
            saved(job, command, phases, "the job ended");
            return;
        }
        if (job.record().getParked()) {
            // It was parked before; it has no GPUs to run on.
            job.enter(LocalState.LOCAL_PARKED, record -> {});
            saved(job, command, phases, "its image was not recorded");
            return;
        }
        phases.measure("thaw", () -> job.cgroup().thaw(job.context().freezeTimeout()));
        new GpuPhase(job, phases).goOnOrLose();
        job.enter(LocalState.LOCAL_RUNNING, record -> {});
        if (!job.record().getFrozenImage().isEmpty()) {
            new JobNotify(job).goesOn(JobNotify.THAWED);
        }
        saved(job, command, phases, "its image was not recorded");
    }

    /** Ends the processes. What they leave in the kernel and on disk is for {@link #clear}: of a migration the target need not wait for that. */
    static void kill(LocalJob job, Command command, Phases phases) throws Exception {
        boolean wasFrozen = job.state() == LocalState.LOCAL_FROZEN;
        Duration atMost = Duration.ofMillis(Math.max(1, command.getDeadlineMillis()));
        phases.measure("kill", () -> killProcesses(job, atMost));
        // The receipt lets another life begin: of groups below this one no process may be left either.
        if (!job.cgroup().isEmpty()) {
            throw job.cgroup().undying(atMost);
        }
        // The log of a frozen job is in its image as it is; any other may have gone on after its image.
        if (command.getKill().getDiscard() && !job.record().getDiscarded() && !wasFrozen) {
            LogCut.keepAll(job);
        }
        job.enter(LocalState.LOCAL_KILLED, record -> record.clearPid().setDiscarded(command.getKill().getDiscard() || record.getDiscarded()));
        saved(job, command, phases, null);
    }

    /** Frees what a job without a process holds: control groups, runc's record, and its folder if nothing of it is to be kept. */
    static void clear(LocalJob job) throws IOException, InterruptedException {
        try {
            job.releaseKernel();
        } finally {
            if (job.record().getDiscarded()) {
                job.clearFolder();
            }
        }
    }

    /**
     * The freeze for an image is over: only now the hooks after the dump may be called.
     *
     * @param trouble why the image is of no use; null: it is recorded
     */
    private static void saved(LocalJob job, Command command, Phases phases, @Nullable String trouble) throws InterruptedException {
        String image = job.record().getFrozenImage();
        if (!image.isEmpty()) {
            new JobHooks(job, command, phases).tell(HookEvent.AFTER_DUMP, image, trouble == null ? null : new FerryException(ErrorCode.DUMP_FAILED, trouble));
            // Only now: a daemon that is killed in between calls them again.
            job.change(JobJournal.Builder::clearFrozenImage);
        }
    }

    private static void killProcesses(LocalJob job, Duration atMost) throws IOException {
        Optional<JobProcess> process = job.process();
        if (process.isPresent()) {
            process.get().kill(job.cgroup(), atMost);
        } else {
            job.cgroup().kill(atMost);
        }
    }

    /**
     * After a start or a restore that failed: what came of it must not live. What goes wrong here is added to the failure; the agent sees to it
     * that nothing of it runs before it is told.
     */
    static void undoCreation(LocalJob job, Throwable failure) {
        try {
            killAll(job);
            job.releaseKernel();
            job.clearFolder();
        } catch (InterruptedException ending) {
            Thread.currentThread().interrupt();
            failure.addSuppressed(ending);
        } catch (Exception | Error again) {
            failure.addSuppressed(again);
        }
    }

    /**
     * Kills whatever is in the job's control group and in those below it.
     *
     * @throws FerryException INTERNAL when something is left
     */
    static void killAll(LocalJob job) throws IOException {
        job.cgroup().killAll();
        job.cgroup().kill(SOON);
        if (!job.cgroup().isEmpty()) {
            throw job.cgroup().undying(SOON);
        }
    }

    static void forget(LocalJob job) throws Exception {
        if (job.isAlive()) {
            throw new FerryException(ErrorCode.WRONG_STATE, "Job " + job.id() + " still runs here and can't be forgotten");
        }
        job.releaseKernel();
        job.clearFolder();
        // The record goes with the order's result: until then it says that the order is open.
        job.change(record -> record.setDiscarded(true));
    }

    /** Ends a job that can't go on, though its image may: what is left of it would wait for its GPU for ever. {@link #clear} is for what it held. */
    static void lose(LocalJob job, String why) throws IOException {
        job.cgroup().kill(SOON);
        job.enter(LocalState.LOCAL_LOST, record -> record.setDetail(why));
    }

    /** The job's first process is gone: finds out how it ended. What it held in the kernel is for {@link #clear}: that may fail, and the end must be known all the same. */
    static void ended(LocalJob job) throws IOException {
        OptionalInt status = JobProcess.exitStatus(job.folder().control());
        long memoryKills = job.cgroup().exists() ? job.cgroup().limits().outOfMemoryKills() : 0;
        String detail = memoryKills > 0 ? "the kernel killed " + memoryKills + " of its processes: memory limit reached" : "";
        job.cgroup().kill(SOON);
        if (status.isPresent()) {
            job.enter(LocalState.LOCAL_EXITED, record -> record.setExitStatus(status.getAsInt()).setDetail(detail));
        } else {
            job.enter(
                    LocalState.LOCAL_LOST,
                    record -> record.setDetail(detail.isEmpty() ? "its processes are gone without an exit status" : detail));
        }
    }
}
