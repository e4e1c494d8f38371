package dev.ferry.node.gpu;

import dev.ferry.common.FerryException;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The CUDA state of all processes of one job. It is saved all or nothing: everybody is locked at the same time (a rank in a collective comes
 * to rest only if its peers are being locked too), then checkpointed one by one. The processes must run, never be frozen: a thread of
 * each does the work. What was interrupted is not guessed: {@link #bringBack} asks each process for its state and goes on from there.
 */
public final class GpuTree {
    private static final Logger LOG = LoggerFactory.getLogger(GpuTree.class);
    private static final int MOST_ROUNDS = 5;
    private static final long SETTLE_NANOS = 500_000_000;
    private static final long LOOK_NANOS = 5_000_000;

    private final GpuNode node;
    private final JobCgroup cgroup;

    public GpuTree(GpuNode node, JobCgroup cgroup) {
        this.node = node;
        this.cgroup = cgroup;
    }

    /**
     * Every process of the job that holds CUDA state, in the order of their inner pids. A process that is just opening a device is waited for
     * until its state can be seen.
     */
    public List<CudaProcess> find() throws IOException, InterruptedException {
        long end = System.nanoTime() + SETTLE_NANOS;
        while (true) {
            List<CudaProcess> holders = new ArrayList<>();
            boolean unclear = false;
            for (int pid : cgroup.processes()) {
                ProcessLook look = new ProcessLook(pid);
                if (!look.mapsDriver()) {
                    continue;
                }
                boolean opened = !look.openGpuDevices().isEmpty();
                JobProcess process = JobProcess.of(pid);
                if (look.isStopped() ? opened : holdsState(process)) {
                    holders.add(new CudaProcess(process, look.innerPid()));
                } else {
                    unclear |= opened;
                }
            }
            if (!unclear || System.nanoTime() > end) {
                holders.sort(Comparator.comparingInt(CudaProcess::innerPid));
                return holders;
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
    }

    private boolean holdsState(JobProcess process) throws IOException, InterruptedException {
        try {
            return node.driver().holdsState(process);
        } catch (FerryException failed) {
            if (failed.code() == ErrorCode.GPU_STUCK) {
                // It does: a call on it is in flight. The others must be found all the same.
                return true;
            }
            if (process.isAlive()) {
                throw failed;
            }
            return false;
        }
    }

    /**
     * Looks for what can't be saved; nothing is touched.
     *
     * @param uuids the job's GPUs
     * @throws FerryException GPU_BLOCKED, GPU_UNAVAILABLE
     */
    public List<CudaProcess> requireSaveable(List<String> uuids) throws IOException, InterruptedException {
        node.requireThatItCanSave();
        List<CudaProcess> holders = find();
        Blockers.requireNone(cgroup, holders, node.devices().stream().filter(device -> uuids.contains(device.uuid())).toList());
        return holders;
    }

    /** How many bytes of its processes lie on each GPU. */
    public Map<String, Long> used(List<CudaProcess> holders) throws IOException, InterruptedException {
        List<Integer> pids = holders.stream().map(holder -> holder.process().pid()).toList();
        Map<String, Long> used = new LinkedHashMap<>();
        for (GpuDevice device : node.devices()) {
            long bytes = device.users().entrySet().stream().filter(user -> pids.contains(user.getKey())).mapToLong(Map.Entry::getValue).sum();
            if (bytes > 0) {
                used.put(device.uuid(), bytes);
            }
        }
        return used;
    }

    /**
     * Locks every process that holds CUDA state, also those that come to it meanwhile.
     *
     * @return those that were running before
     * @throws FerryException GPU_SAVE_FAILED, GPU_STUCK; some may be locked then: bring them back
     */
    public List<CudaProcess> lockAll(Duration atMost) throws IOException, InterruptedException {
        long end = System.nanoTime() + Math.min(atMost.toNanos(), node.lockTimeout().toNanos());
        List<CudaProcess> locked = new ArrayList<>();
        for (int round = 0; round < MOST_ROUNDS; round++) {
            List<CudaProcess> running = new ArrayList<>();
            for (CudaProcess holder : find()) {
                if (!locked.contains(holder) && soundState(holder.process()) == CudaState.RUNNING) {
                    running.add(holder);
                }
            }
            if (running.isEmpty()) {
                return locked;
            }
            lockTogether(running, Duration.ofNanos(Math.max(1_000_000, end - System.nanoTime())));
            locked.addAll(running);
        }
        throw new FerryException(ErrorCode.GPU_SAVE_FAILED, "The job starts new processes with CUDA state faster than they can be locked");
    }

    /**
     * @throws FerryException GPU_SAVE_FAILED for a state in which a process can't be left, or one that nobody knows
     */
    private CudaState soundState(JobProcess process) throws IOException, InterruptedException {
        CudaState state = node.driver().state(process);
        return switch (state) {
            case RUNNING, LOCKED, CHECKPOINTED -> state;
            case FAILED, CHECKPOINTING, RESTORING, UNKNOWN -> throw failure(process, "is in the driver's state " + state, ErrorCode.GPU_SAVE_FAILED);
        };
    }

    private void lockTogether(List<CudaProcess> running, Duration atMost) throws IOException, InterruptedException {
        List<FutureTask<GpuDriver.Answer>> calls = new ArrayList<>();
        for (CudaProcess one : running) {
            FutureTask<GpuDriver.Answer> call = new FutureTask<>(() -> node.driver().lock(one.process(), atMost));
            calls.add(call);
            Thread unused = Thread.ofVirtual().start(call);
        }
        List<Exception> failures = new ArrayList<>();
        for (int i = 0; i < calls.size(); i++) {
            JobProcess process = running.get(i).process();
            try {
                GpuDriver.Answer answer = calls.get(i).get();
                if (!answer.ok()) {
                    failures.add(
                            failure(
                                    process,
                                    answer.error() == CudaResult.NOT_READY ? "did not finish what it gave to the GPU within " + atMost.toMillis() + " ms" : "could not be locked: the driver answers " + CudaResult.name(answer.error()),
                                    ErrorCode.GPU_SAVE_FAILED));
                }
            } catch (ExecutionException failed) {
                Exception cause = failed.getCause() instanceof Exception known ? known : failed;
                // Whether the lock took hold is not known: the state tells.
                if (!(cause instanceof GpuHelper.Gone) || node.driver().state(process) != CudaState.LOCKED) {
                    failures.add(cause);
                }
            }
        }
        throwFirst(failures);
    }

    /**
     * Takes the device memory of every locked process into its own memory, one after the other; then the GPUs are free.
     *
     * @throws FerryException GPU_SAVE_FAILED, GPU_STUCK; some may be checkpointed then: bring them back
     */
    public void checkpointAll() throws IOException, InterruptedException {
        for (CudaProcess holder : find()) {
            JobProcess process = holder.process();
            if (soundState(process) != CudaState.LOCKED) {
                continue;
            }
            int error = CudaResult.SUCCESS;
            try {
                error = node.driver().checkpoint(process).error();
            } catch (GpuHelper.Gone inDoubt) {
                LOG.warn("the checkpoint of process {} was interrupted: {}", process.pid(), inDoubt.getMessage());
            }
            CudaState state = node.driver().state(process);
            if (state != CudaState.CHECKPOINTED) {
                throw failure(process, "could not be checkpointed: the driver answers " + CudaResult.name(error) + ", its state is " + state, ErrorCode.GPU_SAVE_FAILED);
            }
        }
    }

    /**
     * Processes that still have a GPU's device node open: those that came to CUDA state after they were looked for, and those that use what
     * the driver can't save. May be asked of a frozen job, as it asks the kernel alone.
     */
    public List<Integer> stillOnGpu() {
        return cgroup.processes().stream().filter(pid -> !new ProcessLook(pid).openGpuDevices().isEmpty()).toList();
    }

    /** What {@link #stillOnGpu} found, for people. */
    public FerryException notFree(List<Integer> pids) {
        List<String> named = pids.stream().map(pid -> "process " + pid + " (" + new ProcessLook(pid).name() + ") has " + String.join(", ", new ProcessLook(pid).openGpuDevices()) + " open").toList();
        return new FerryException(
                ErrorCode.GPU_BLOCKED,
                "After its checkpoint the job is not off the GPU: " + String.join("; ", named) + ". Managed memory (cuMemAllocManaged) and shared GPU memory can't be saved");
    }

    /**
     * Looks whether the driver would map the GPUs of each process, where they change; asks the kernel alone, so also of a frozen job.
     *
     * @throws FerryException GPU_RESTORE_FAILED that names a process; nothing was touched
     */
    public void requireMappable(List<GpuPair> map) {
        if (map.stream().allMatch(pair -> pair.before().equals(pair.after()))) {
            return;
        }
        for (int pid : cgroup.processes()) {
            ProcessLook look = new ProcessLook(pid);
            if (look.mapsDriver() && look.hasVariable("CUDA_VISIBLE_DEVICES")) {
                throw new FerryException(
                        ErrorCode.GPU_RESTORE_FAILED,
                        "Process " + pid + " (" + look.name() + ") has CUDA_VISIBLE_DEVICES in its environment, so the driver brings it back only on the GPUs that it had: " + map.stream().map(GpuPair::before).toList());
            }
        }
    }

    /**
     * Whether the driver has lost a process for good. The job must run.
     */
    public boolean hasFailed() throws IOException, InterruptedException {
        for (CudaProcess holder : find()) {
            if (node.driver().state(holder.process()) == CudaState.FAILED) {
                return true;
            }
        }
        return false;
    }

    /**
     * What was brought back.
     *
     * @param unlocking how long the last part took, from the first unlock to the last process that was seen running
     */
    public record Back(int processes, Duration unlocking) {}

    /**
     * Brings every process from whatever state to running, all restores before the first unlock.
     *
     * @param map empty: each to the GPUs it came from
     * @param order inner pids in the order of their checkpoints; those that are not named come last
     * @throws FerryException GPU_RESTORE_FAILED, GPU_STUCK, with the first failure; all others were tried
     */
    public Back bringBack(List<GpuPair> map, List<Integer> order) throws IOException, InterruptedException {
        List<CudaProcess> holders = new ArrayList<>(find());
        holders.sort(Comparator.comparingInt(holder -> order.contains(holder.innerPid()) ? order.indexOf(holder.innerPid()) : Integer.MAX_VALUE));
        List<Exception> failures = new ArrayList<>();
        List<CudaProcess> toUnlock = new ArrayList<>();
        for (CudaProcess holder : holders) {
            attempt(failures, () -> toLocked(holder, map, toUnlock));
        }
        long unlocking = System.nanoTime();
        for (CudaProcess holder : toUnlock) {
            attempt(failures, () -> toRunning(holder));
        }
        throwFirst(failures);
        return new Back(toUnlock.size(), Duration.ofNanos(System.nanoTime() - unlocking));
    }

    private void toLocked(CudaProcess holder, List<GpuPair> map, List<CudaProcess> toUnlock) throws IOException, InterruptedException {
        JobProcess process = holder.process();
        CudaState state = node.driver().state(process);
        switch (state) {
            case RUNNING -> LOG.debug("process {} runs already", process.pid());
            case LOCKED -> toUnlock.add(holder);
            case CHECKPOINTED -> {
                restore(process, map);
                toUnlock.add(holder);
            }
            case FAILED, CHECKPOINTING, RESTORING, UNKNOWN ->
                    throw failure(process, "is in the driver's state " + state + " and can't be brought back; only killing it helps", ErrorCode.GPU_RESTORE_FAILED);
        }
    }

    private void restore(JobProcess process, List<GpuPair> map) throws IOException, InterruptedException {
        int error = CudaResult.SUCCESS;
        try {
            error = node.driver().restore(process, map).error();
        } catch (GpuHelper.Gone inDoubt) {
            LOG.warn("the restore of process {} was interrupted: {}", process.pid(), inDoubt.getMessage());
        }
        CudaState state = node.driver().state(process);
        if (state != CudaState.LOCKED) {
            throw failure(process, "could not be brought back on the GPU: the driver answers " + CudaResult.name(error) + ", its state is " + state, ErrorCode.GPU_RESTORE_FAILED);
        }
    }

    private void toRunning(CudaProcess holder) throws IOException, InterruptedException {
        JobProcess process = holder.process();
        int error = CudaResult.SUCCESS;
        try {
            error = node.driver().unlock(process).error();
        } catch (GpuHelper.Gone inDoubt) {
            LOG.warn("the unlock of process {} was interrupted: {}", process.pid(), inDoubt.getMessage());
        }
        CudaState state = node.driver().state(process);
        if (state == CudaState.LOCKED) {
            // An unlock that was refused or lost has no effect that a second one could double.
            error = node.driver().unlock(process).error();
            state = node.driver().state(process);
        }
        if (state != CudaState.RUNNING) {
            throw failure(process, "could not be unlocked: the driver answers " + CudaResult.name(error) + ", its state is " + state, ErrorCode.GPU_RESTORE_FAILED);
        }
    }

    private interface Act {
        void run() throws IOException, InterruptedException;
    }

    private static void attempt(List<Exception> failures, Act act) throws InterruptedException {
        try {
            act.run();
        } catch (IOException | RuntimeException failed) {
            failures.add(failed);
        }
    }

    private static void throwFirst(List<Exception> failures) throws IOException {
        if (failures.isEmpty()) {
            return;
        }
        Exception first = failures.getFirst();
        failures.stream().skip(1).forEach(first::addSuppressed);
        if (first instanceof IOException broken) {
            throw broken;
        }
        throw first instanceof RuntimeException known ? known : new IllegalStateException(first);
    }

    private static FerryException failure(JobProcess process, String what, ErrorCode code) {
        return new FerryException(code, "Process " + process.pid() + " (" + new ProcessLook(process.pid()).name() + ") " + what);
    }
}
