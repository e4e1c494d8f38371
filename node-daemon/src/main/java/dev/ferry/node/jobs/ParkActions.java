package dev.ferry.node.jobs;

import dev.ferry.common.FerryException;
import dev.ferry.node.gpu.GpuAccess;
import dev.ferry.node.gpu.GpuPair;
import dev.ferry.node.hooks.HookEvent;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GpuUse;
import dev.ferry.proto.v1.LocalState;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** To the rung on which a job's GPU state lies in main memory, its processes are frozen and its GPUs are free; and back. */
final class ParkActions {
    private ParkActions() {}

    static void park(LocalJob job, Command command, Phases phases, CommandResult.Builder result) throws Exception {
        if (job.record().getGpusCount() == 0) {
            throw new FerryException(ErrorCode.WRONG_STATE, "Job " + job.id() + " has no GPUs: there is nothing to park");
        }
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(command.getDeadlineMillis());
        GpuPhase gpu = new GpuPhase(job, phases);
        JobHooks hooks = new JobHooks(job, command, phases);
        hooks.ask(HookEvent.BEFORE_FREEZE, "");
        JobNotify notify = new JobNotify(job);
        notify.freeze(phases, left(end));
        boolean frozen = false;
        try {
            // The coordinator may have spoken while the hooks and the job were waited for.
            Holds.requireThatItStands(job);
            gpu.saveAndFreeze(left(end), bytes -> {});
            frozen = true;
            hooks.frozen("");
            job.enter(LocalState.LOCAL_PARKED, record -> record.setParked(true));
        } catch (Exception | Error failed) {
            if (frozen) {
                gpu.undo(failed);
            }
            notify.goesOn(JobNotify.THAWED);
            throw failed;
        }
        result.setGpuFreeAt(gpu.freeAt());
    }

    private static Duration left(long end) {
        return Duration.ofNanos(Math.max(1, end - System.nanoTime()));
    }

    /** May be done twice, and goes on where an earlier one was interrupted: each process is asked how far it is. */
    static void unpark(LocalJob job, Command command, Phases phases) throws Exception {
        if (!job.isAlive()) {
            EndActions.ended(job);
            return;
        }
        List<String> given = command.getUnpark().getGpusList();
        List<String> before = job.record().getGpuUsesList().stream().map(GpuUse::getUuid).toList();
        if (given.size() != before.size()) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Job " + job.id() + " was parked from " + before.size() + " GPUs and was given " + given.size());
        }
        List<GpuPair> map = GpuPair.of(before, given);
        job.context().gpu().requireThatItFits(map, job.record().getGpuUsesList());
        GpuPhase gpu = new GpuPhase(job, phases);
        gpu.requireMappable(map);
        GpuAccess access = GpuAccess.of(job.context().gpu(), given);
        GpuFilePlaces.requireSameNodes(job, access);
        access.fill(job.folder().gpu());
        List<RootPlan.DeviceNode> ignored = GpuPhase.allow(job, access);
        try {
            phases.measure("thaw", () -> job.cgroup().thaw(job.context().freezeTimeout()));
            GpuPhase.enter(job.process().orElseThrow(), job.record().getSpec(), access);
            gpu.goOn(map);
            job.enter(LocalState.LOCAL_RUNNING, record -> record.clearParked().clearGpus().addAllGpus(given));
        } catch (Exception | Error failed) {
            if (failed instanceof FerryException known && gpu.isLost()) {
                // No other try helps, and what lay on its GPUs is gone with it: an older image is what there is.
                EndActions.lose(job, known.getMessage());
                throw failed;
            }
            // As far as it came, it is not running: it waits for another try.
            job.cgroup().freeze(job.context().freezeTimeout());
            throw failed;
        }
        new JobNotify(job).goesOn(JobNotify.THAWED);
    }
}
