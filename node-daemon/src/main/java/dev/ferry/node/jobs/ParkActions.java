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

    /** May be done twice, and goes on where an earlier one was interrupted: each process is asked how far it is. After a failure the job is parked as before, or ended if that can't be. */
    static void unpark(LocalJob job, Command command, Phases phases) throws Exception {
        if (!job.isAlive()) {
            EndActions.ended(job);
            return;
        }
        List<String> given = command.getUnpark().getGpusList();
        GpuPhase gpu = new GpuPhase(job, phases);
        if (!given.equals(job.record().getGpusList())) {
            // What a way back to other GPUs left there would be missing in this one's map.
            gpu.parkAgain();
        }
        List<String> before = job.record().getGpuUsesList().stream().map(GpuUse::getUuid).toList();
        if (given.size() != before.size()) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Job " + job.id() + " was parked from " + before.size() + " GPUs and was given " + given.size());
        }
        try {
            comeBack(job, gpu, GpuPair.of(before, given), phases);
        } catch (Exception | Error failed) {
            putBack(job, gpu, failed);
            throw failed;
        }
        new JobNotify(job).goesOn(JobNotify.THAWED);
    }

    private static void comeBack(LocalJob job, GpuPhase gpu, List<GpuPair> map, Phases phases) throws Exception {
        List<String> given = map.stream().map(GpuPair::after).toList();
        job.context().gpu().requireThatItFits(map, job.record().getGpuUsesList(), job.cgroup().processes());
        gpu.requireMappable(map);
        GpuAccess access = GpuAccess.of(job.context().gpu(), given);
        GpuFilePlaces.requireSameNodes(job, access);
        access.fill(job.folder().gpu());
        List<RootPlan.DeviceNode> ignored = GpuPhase.allow(job, access);
        // Before the first of its processes can be there: whoever takes up what was broken off must know where to.
        job.change(record -> record.clearGpus().addAllGpus(given));
        phases.measure("thaw", () -> job.cgroup().thaw(job.context().freezeTimeout()));
        GpuPhase.enter(job.process().orElseThrow(), job.record().getSpec(), access);
        gpu.goOn(map);
        job.enter(LocalState.LOCAL_RUNNING, record -> record.clearParked());
    }

    /** What goes wrong here is added to the failure. */
    private static void putBack(LocalJob job, GpuPhase gpu, Throwable failed) {
        if (job.cgroup().isFrozen() || failed instanceof InterruptedException) {
            // Nothing was touched yet, or the daemon ends and the next one goes on.
            return;
        }
        try {
            if (failed instanceof FerryException known && known.code() != ErrorCode.GPU_STUCK && gpu.isLost()) {
                // No other try helps, and what lay on its GPUs is gone with it: an older image is what there is.
                EndActions.lose(job, known.getMessage());
            } else {
                gpu.parkAgain();
            }
        } catch (Exception | Error again) {
            failed.addSuppressed(again);
        }
    }
}
