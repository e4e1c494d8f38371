package dev.ferry.node.jobs;

import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.node.gpu.CudaProcess;
import dev.ferry.node.gpu.GpuAccess;
import dev.ferry.node.gpu.GpuDevice;
import dev.ferry.node.gpu.GpuPair;
import dev.ferry.node.gpu.GpuTree;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GpuFile;
import dev.ferry.proto.v1.GpuFiles;
import dev.ferry.proto.v1.GpuUse;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobJournal;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Requirements;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The GPU's part in what is done to a job; nothing for a job that was given none. Its state is taken before the job is frozen and brought back
 * after it was thawed: the driver needs a thread of each process to run.
 */
final class GpuPhase {
    private static final Logger LOG = LoggerFactory.getLogger(GpuPhase.class);
    private static final int MOST_ROUNDS = 5;
    private static final Duration LEAVING = Duration.ofMinutes(1);
    // Page tables and the driver's own, while device memory lies in main memory.
    private static final long PARK_ROOM = 64L << 20;

    private final LocalJob job;
    private final Phases phases;
    private final GpuTree tree;
    private long freeAt;

    GpuPhase(LocalJob job, Phases phases) {
        this.job = job;
        this.phases = phases;
        tree = new GpuTree(job.context().gpu(), job.cgroup());
    }

    /** Whether a save or a way back has begun and is not over. */
    private boolean isUnfinished() {
        return job.record().getGpuMemoryLimit() > 0;
    }

    private boolean isIdle() {
        return job.record().getGpusCount() == 0;
    }

    /**
     * Writes down what a job is given, and makes it visible to the job.
     *
     * @param mounted what it has mounted for its GPUs already; empty: it starts, or its image does not say
     * @throws FerryException NODE_INCOMPATIBLE
     */
    static void give(LocalJob job, JobSpec spec, GpuAccess access, Optional<GpuFiles> mounted, boolean starts) throws IOException {
        List<String> uuids = access.uuids();
        access.fill(job.folder().gpu());
        List<GpuFile> here = GpuFilePlaces.here(job.context(), spec, job.folder(), access);
        List<GpuFile> files = mounted.isPresent() ? GpuFilePlaces.mounted(job.context().node(), mounted.get(), here) : here;
        boolean known = !uuids.isEmpty() && (starts || mounted.isPresent());
        job.change(record -> record.clearGpuFiles().addAllGpuFiles(files).setGpuFilesKnown(known).clearGpus().addAllGpus(uuids).clearGpuUses().clearGpuProcesses().clearGpuMemoryLimit().clearParked());
    }

    /** Lets the job's control group, which is there by now, use what it was given, and of GPUs nothing else. */
    static List<RootPlan.DeviceNode> allow(LocalJob job, GpuAccess access) throws IOException {
        job.cgroup().limits().setDevices(access.rules());
        return access.nodes();
    }

    /** Writes down what an image says of its GPU state, for the way back. */
    static void remember(LocalJob job, Image image) {
        long held = image.getRequirements().getGpuUsesList().stream().mapToLong(GpuUse::getUsedBytes).sum();
        long limit = held == 0 ? 0 : Limits.of(job.record().getSpec()).fitting(Math.max(0, image.getMemoryBytes() - held)).memoryBytes();
        job.change(record -> record.clearGpuProcesses().addAllGpuProcesses(image.getGpuProcessesList()).setGpuMemoryLimit(limit));
    }

    /** Replaces the device nodes that came with an image by those that the job was given here. Where they are mounts, they are those already. */
    static void enter(JobProcess process, JobSpec spec, GpuAccess access) throws IOException {
        if (!RootPlan.bindsDevices(spec)) {
            access.enter(process.pid());
        }
    }

    /**
     * Takes the GPU state of all processes into main memory and freezes the job; the GPUs are free then.
     *
     * @param room is told how many bytes come into main memory before anything is touched, and may refuse
     * @throws FerryException GPU_BLOCKED before anything was touched; GPU_SAVE_FAILED, GPU_STUCK and FREEZE_TIMEOUT after everything was brought back
     */
    void saveAndFreeze(Duration atMost, LongConsumer room) throws Exception {
        if (isIdle()) {
            phases.measure("freeze", () -> job.cgroup().freeze(job.context().freezeTimeout()));
            return;
        }
        if (isUnfinished()) {
            // Of what an earlier save left on no GPU NVML tells nothing: all must be back before it is looked what there is.
            goOnOrLose();
        }
        long end = System.nanoTime() + atMost.toNanos();
        Map<String, Long> used = phases.measure("gpu look", () -> 0, 0, () -> look(room));
        try {
            leaveAndFreeze(end, used.values().stream().mapToLong(Long::longValue).sum(), Ended.IS_A_FAILURE);
            freeAt = System.currentTimeMillis();
        } catch (Exception | Error failed) {
            undo(failed);
            throw failed;
        }
    }

    /** What it is when a process ends while its GPU state is saved. */
    private enum Ended {
        /** Whatever ended it: an image of the others is no better than the one before, and they can run on. */
        IS_A_FAILURE,
        /** They can't run on, as their GPUs are others' by now, and it has left them as one that was saved. */
        IS_NONE
    }

    /** @param bytes how many there are on the GPUs, for who watches */
    private void leaveAndFreeze(long end, long bytes, Ended ended) throws Exception {
        for (int round = 1; ; round++) {
            List<CudaProcess> locked = phases.measure("gpu lock", () -> 0, 0, () -> tree.lockAll(Duration.ofNanos(Math.max(1, end - System.nanoTime()))));
            phases.measure("gpu checkpoint", () -> bytes, bytes, () -> {
                List<JobProcess> gone = tree.checkpointAll();
                if (ended == Ended.IS_A_FAILURE && !gone.isEmpty()) {
                    throw new FerryException(ErrorCode.GPU_SAVE_FAILED, "Process " + gone.getFirst().pid() + " ended while its GPU state was saved");
                }
                return locked;
            });
            phases.measure("freeze", () -> job.cgroup().freeze(job.context().freezeTimeout()));
            // A process that opened a device since it was looked for would be dumped with it: only a frozen job can't.
            List<Integer> left = tree.stillOnGpu();
            if (left.isEmpty()) {
                return;
            }
            job.cgroup().thaw(job.context().freezeTimeout());
            if (round == MOST_ROUNDS || tree.find().stream().noneMatch(holder -> isRunning(holder))) {
                throw tree.notFree(left);
            }
        }
    }

    /**
     * After a way back that was broken off: what came on GPUs leaves them and the job is frozen, as it was when it was parked. A job of which that can't be is ended: its GPUs are others' by now.
     * Nothing for one that is frozen.
     *
     * @throws FerryException GPU_STUCK: a call is in flight, which a frozen process would never answer; the job is left as it is
     */
    void parkAgain() throws Exception {
        if (job.cgroup().isFrozen()) {
            return;
        }
        JobJournal record = job.record();
        boolean moved = !record.getGpuUsesList().stream().map(GpuUse::getUuid).toList().equals(record.getGpusList());
        try {
            if (tree.isBack(moved) && moved) {
                // Before it leaves them: what it has is of these GPUs from now on.
                List<GpuDevice> given = job.context().gpu().given(record.getGpusList());
                List<GpuUse> uses = IntStream.range(0, given.size()).mapToObj(at -> record.getGpuUses(at).toBuilder().setUuid(given.get(at).uuid()).setMemoryBytes(given.get(at).memoryBytes()).build()).toList();
                job.change(changed -> changed.clearGpuUses().addAllGpuUses(uses));
            }
            long bytes = record.getGpuUsesList().stream().mapToLong(GpuUse::getUsedBytes).sum();
            raiseLimit(bytes, changed -> {});
            leaveAndFreeze(System.nanoTime() + LEAVING.toNanos(), bytes, Ended.IS_NONE);
        } catch (FerryException failed) {
            if (failed.code() == ErrorCode.GPU_SAVE_FAILED || failed.code() == ErrorCode.GPU_BLOCKED) {
                EndActions.lose(job, failed.getMessage());
            }
            throw failed;
        }
    }

    private boolean isRunning(CudaProcess holder) {
        try {
            return job.context().gpu().isRunning(holder.process());
        } catch (IOException | FerryException unclear) {
            return false;
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /** When the GPUs were free, milliseconds since 1970; 0: not yet. */
    long freeAt() {
        return freeAt;
    }

    private Map<String, Long> look(LongConsumer room) throws IOException, InterruptedException {
        List<String> uuids = job.record().getGpusList();
        List<CudaProcess> holders = tree.requireSaveable(uuids);
        Map<String, Long> used = tree.used(holders);
        long bytes = used.values().stream().mapToLong(Long::longValue).sum();
        requireHostMemory(bytes);
        room.accept(bytes);
        List<GpuUse> uses = job.context().gpu().given(uuids).stream().map(device -> use(device, used)).toList();
        raiseLimit(bytes, record -> record.clearGpuUses().addAllGpuUses(uses).clearGpuProcesses().addAllGpuProcesses(holders.stream().map(CudaProcess::innerPid).toList()));
        return used;
    }

    /**
     * The bytes come into the job's own memory: under its old limit the kernel would kill it in the middle.
     *
     * @param more to be written down with it
     */
    private void raiseLimit(long bytes, Consumer<JobJournal.Builder> more) throws IOException {
        // One that is raised is not the job's own.
        long limit = job.record().getGpuMemoryLimit() > 0 ? job.record().getGpuMemoryLimit() : job.cgroup().limits().memory();
        job.change(
                record -> {
                    more.accept(record);
                    if (limit > 0) {
                        record.setGpuMemoryLimit(limit);
                    }
                });
        if (limit > 0) {
            job.cgroup().limits().setMemory(limit + bytes + PARK_ROOM);
        }
    }

    private static GpuUse use(GpuDevice device, Map<String, Long> used) {
        return GpuUse.newBuilder().setUuid(device.uuid()).setModel(device.model()).setMemoryBytes(device.memoryBytes()).setUsedBytes(used.getOrDefault(device.uuid(), 0L)).build();
    }

    private static void requireHostMemory(long bytes) throws IOException {
        long available =
                Files.readAllLines(Path.of("/proc/meminfo")).stream().filter(line -> line.startsWith("MemAvailable:")).mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024).sum();
        if (bytes + PARK_ROOM > available) {
            throw new FerryException(
                    ErrorCode.GPU_BLOCKED, "The job was not touched: its " + Sizes.format(bytes) + " of GPU memory don't fit into this node's main memory, of which " + Sizes.format(available) + " are free");
        }
    }

    /** As {@link #goOn} to the GPUs it came from; a job whose state can't come back is ended, for it would wait for its GPU for ever. */
    void goOnOrLose() throws Exception {
        try {
            goOn(List.of());
        } catch (FerryException failed) {
            loseIfFinal(failed);
            throw failed;
        }
    }

    /** After a failure the job runs again as before, thawed and on its GPUs, or is ended if that can't be. What goes wrong here is added to the failure. */
    void undo(Throwable failure) {
        try {
            if (job.cgroup().exists()) {
                job.cgroup().thaw(job.context().freezeTimeout());
            }
            goOn(List.of());
        } catch (Exception | Error again) {
            LOG.error("job {}: its GPU state could not be brought back", job.id(), again);
            failure.addSuppressed(again);
            loseIfFinal(again);
        }
    }

    /** A restore that failed twice is final; one that is stuck may still come back. */
    private void loseIfFinal(Throwable failure) {
        if (failure instanceof FerryException known && known.code() == ErrorCode.GPU_RESTORE_FAILED) {
            try {
                EndActions.lose(job, known.getMessage());
            } catch (IOException | RuntimeException left) {
                LOG.error("job {} can't run on and could not be ended", job.id(), left);
            }
        }
    }

    /**
     * Brings the GPU state back; the job must have been thawed. Tried twice: each process is asked for its state, so nothing is done to one of
     * them again.
     *
     *
     * @param map empty: to the GPUs it came from
     * @throws FerryException GPU_RESTORE_FAILED, GPU_STUCK
     */
    void goOn(List<GpuPair> map) throws Exception {
        if (isIdle()) {
            return;
        }
        tree.requireMappable(map);
        GpuTree.Back back = phases.measure("gpu restore", () -> 0, 0, () -> bringBack(map));
        // The end of the phase before: what is left of that one is the copy back.
        phases.record("gpu unlock", back.unlocking().toNanos(), 0);
        long limit = job.record().getGpuMemoryLimit();
        if (limit > 0 && lowerLimit(limit)) {
            job.change(record -> record.clearGpuMemoryLimit());
        }
    }

    /** See {@link GpuTree#requireMappable}; may be asked of a frozen job. */
    void requireMappable(List<GpuPair> map) {
        tree.requireMappable(map);
    }

    /** Whether the driver has lost a process of the job, which must run, for good; one that does not tell is not given up. */
    boolean isLost() throws InterruptedException {
        try {
            return tree.hasFailed();
        } catch (IOException | FerryException unclear) {
            LOG.warn("job {}: whether its place in the driver is lost is not known: {}", job.id(), unclear.getMessage());
            return false;
        }
    }

    private GpuTree.Back bringBack(List<GpuPair> map) throws IOException, InterruptedException {
        try {
            return tree.bringBack(map, job.record().getGpuProcessesList());
        } catch (FerryException failed) {
            if (failed.code() != ErrorCode.GPU_RESTORE_FAILED) {
                throw failed;
            }
            LOG.warn("job {}: {}; it is tried once more", job.id(), failed.getMessage());
            try {
                return tree.bringBack(map, job.record().getGpuProcessesList());
            } catch (FerryException again) {
                failed.addSuppressed(again);
                throw failed;
            }
        }
    }

    private boolean lowerLimit(long limit) {
        try {
            job.cgroup().limits().setMemory(limit);
            return true;
        } catch (IOException busy) {
            // A higher limit harms nobody as much as a job that is killed for it. It stays written down, and is tried again.
            LOG.warn("job {}: its memory limit stays as it was raised: {}", job.id(), busy.getMessage());
            return false;
        }
    }

    /** What an image says of the GPU state in it. */
    Image addTo(Image image) {
        if (isIdle()) {
            return image;
        }
        Requirements.Builder needs =
                image.getRequirements().toBuilder()
                        .addAllGpuUses(job.record().getGpuUsesList())
                        .setGpuStandIn(job.context().gpu().isStandIn())
                        .setGpuDriver(job.context().gpu().version())
                        .setGpuModel(job.record().getGpuUses(0).getModel());
        GpuFilePlaces.known(job.record()).ifPresent(needs::setGpuFiles);
        return image.toBuilder().setRequirements(needs).addAllGpuProcesses(job.record().getGpuProcessesList()).build();
    }

    /**
     * Looks whether the GPU state of an image fits on the GPUs that the job is given; a restore that finds out by itself can be final.
     *
     * @throws FerryException GPU_RESTORE_FAILED
     */
    static List<GpuPair> map(LocalJob job, Image image, List<String> given) throws IOException, InterruptedException {
        List<GpuUse> uses = image.getRequirements().getGpuUsesList();
        if (uses.isEmpty()) {
            return List.of();
        }
        if (uses.size() != given.size()) {
            throw new FerryException(ErrorCode.GPU_RESTORE_FAILED, "The image holds the state of " + uses.size() + " GPUs, the job was given " + given.size());
        }
        List<GpuPair> map = GpuPair.of(uses.stream().map(GpuUse::getUuid).toList(), given);
        job.context().gpu().requireThatItFits(map, uses, List.of());
        return map;
    }
}
