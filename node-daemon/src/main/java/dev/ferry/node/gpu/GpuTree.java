package dev.ferry.node.gpu;

import dev.ferry.common.FerryException;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.FutureTask;
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

    /** A process on its way out has closed what a call needs before it has ended. */
    private static final Duration ON_ITS_WAY = Duration.ofMillis(50);

    private final GpuNode node;
    private final JobCgroup cgroup;
    private final CudaSearch search;
    /** Who was locked by us and not checkpointed since: their state is known. */
    private final Set<CudaProcess> lockedHere = new HashSet<>();
    private List<GpuDevice> devices = List.of();

    public GpuTree(GpuNode node, JobCgroup cgroup) {
        this.node = node;
        this.cgroup = cgroup;
        search = new CudaSearch(node, cgroup);
    }

    /** Every process of the job that holds CUDA state, in the order of their inner pids. */
    public List<CudaProcess> find() throws IOException, InterruptedException {
        return search.find();
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
        devices = node.devices().stream().filter(device -> uuids.contains(device.uuid())).toList();
        node.requireThatItCanRestore(devices);
        Blockers.requireNone(search.looks(), holders, devices);
        return holders;
    }

    /** How many bytes of its processes lay on each GPU when {@link #requireSaveable} looked. */
    public Map<String, Long> used(List<CudaProcess> holders) {
        List<Integer> pids = holders.stream().map(holder -> holder.process().pid()).toList();
        Map<String, Long> used = new LinkedHashMap<>();
        for (GpuDevice device : devices) {
            long bytes = device.heldBy(pids);
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
        Set<CudaProcess> seen = new HashSet<>();
        for (int round = 0; round < MOST_ROUNDS; round++) {
            List<CudaProcess> others = find().stream().filter(holder -> !seen.contains(holder)).toList();
            if (others.isEmpty()) {
                return locked;
            }
            List<CudaProcess> running = new ArrayList<>();
            for (Map.Entry<CudaProcess, FutureTask<CudaState>> asked : Together.ask(others, one -> soundState(one.process())).entrySet()) {
                unlessEnded(asked.getKey(), asked.getValue(), state -> {
                    if (state == CudaState.RUNNING) {
                        running.add(asked.getKey());
                    }
                });
            }
            lockTogether(running, Duration.ofNanos(Math.max(1_000_000, end - System.nanoTime())));
            locked.addAll(running);
            seen.addAll(others);
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
        List<Exception> failures = new ArrayList<>();
        for (Map.Entry<CudaProcess, FutureTask<GpuDriver.Answer>> call : Together.ask(running, one -> node.driver().lock(one.process(), atMost)).entrySet()) {
            attempt(failures, () -> requireLocked(call.getKey(), call.getValue(), atMost));
        }
        throwFirst(failures);
    }

    private void requireLocked(CudaProcess one, FutureTask<GpuDriver.Answer> call, Duration atMost) throws IOException, InterruptedException {
        int error = CudaResult.SUCCESS;
        try {
            error = Together.result(call).error();
        } catch (GpuHelper.Gone inDoubt) {
            // Whether the lock took hold is not known: the state tells.
            if (node.driver().state(one.process()) != CudaState.LOCKED) {
                throw inDoubt;
            }
        } catch (FerryException failed) {
            if (!hasEnded(one.process(), failed)) {
                throw failed;
            }
            return;
        }
        if (error != CudaResult.SUCCESS) {
            if (one.process().awaitDeath(ON_ITS_WAY)) {
                return;
            }
            throw failure(
                    one.process(),
                    error == CudaResult.NOT_READY ? "did not finish what it gave to the GPU within " + atMost.toMillis() + " ms" : "could not be locked: the driver answers " + CudaResult.name(error),
                    ErrorCode.GPU_SAVE_FAILED);
        }
        lockedHere.add(one);
    }

    /**
     * Takes the device memory of every locked process into its own memory, one after the other; then the GPUs are free.
     *
     * @return those that ended meanwhile: they hold nothing any more, and nothing of them is saved
     * @throws FerryException GPU_SAVE_FAILED, GPU_STUCK; some may be checkpointed then: bring them back
     */
    public List<JobProcess> checkpointAll() throws IOException, InterruptedException {
        List<CudaProcess> done = new ArrayList<>();
        List<JobProcess> ended = new ArrayList<>();
        for (CudaProcess holder : find()) {
            JobProcess process = holder.process();
            if (!lockedHere.remove(holder) && soundState(process) != CudaState.LOCKED) {
                continue;
            }
            int error = CudaResult.SUCCESS;
            try {
                error = node.driver().checkpoint(process).error();
            } catch (GpuHelper.Gone inDoubt) {
                LOG.warn("the checkpoint of process {} was interrupted: {}", process.pid(), inDoubt.getMessage());
            } catch (FerryException failed) {
                if (!hasEnded(process, failed)) {
                    throw failed;
                }
                ended.add(process);
                continue;
            }
            if (error == CudaResult.SUCCESS) {
                done.add(holder);
            } else {
                ended.addAll(requireCheckpointed(List.of(holder), error));
            }
        }
        // What counts is the driver's state, not what it answered.
        ended.addAll(requireCheckpointed(done, CudaResult.SUCCESS));
        return ended;
    }

    /** Returns those that have ended: of one that is not yet reaped the driver says that it runs. */
    private List<JobProcess> requireCheckpointed(List<CudaProcess> holders, int error) throws IOException, InterruptedException {
        List<JobProcess> ended = new ArrayList<>();
        for (Map.Entry<CudaProcess, FutureTask<CudaState>> asked : states(holders).entrySet()) {
            JobProcess process = asked.getKey().process();
            Optional<CudaState> state = unlessEnded(process, asked.getValue());
            if (state.filter(CudaState.CHECKPOINTED::equals).isPresent()) {
                continue;
            }
            if (state.isPresent() && !process.awaitDeath(ON_ITS_WAY)) {
                throw failure(process, "could not be checkpointed: the driver answers " + CudaResult.name(error) + ", its state is " + state.get(), ErrorCode.GPU_SAVE_FAILED);
            }
            ended.add(process);
        }
        return ended;
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
     * @param map empty: each to the GPUs it came from, which are still the job's
     * @param order inner pids in the order of their checkpoints; those that are not named come last
     * @throws FerryException GPU_RESTORE_FAILED, GPU_STUCK, with the first failure; all others were tried
     */
    public Back bringBack(List<GpuPair> map, List<Integer> order) throws IOException, InterruptedException {
        List<CudaProcess> holders = new ArrayList<>(find());
        holders.sort(Comparator.comparingInt(holder -> order.contains(holder.innerPid()) ? order.indexOf(holder.innerPid()) : Integer.MAX_VALUE));
        lockedHere.clear();
        List<Exception> failures = new ArrayList<>();
        List<CudaProcess> toRestore = new ArrayList<>();
        List<CudaProcess> restored = new ArrayList<>();
        List<CudaProcess> toUnlock = new ArrayList<>();
        for (Map.Entry<CudaProcess, FutureTask<CudaState>> asked : states(holders).entrySet()) {
            attempt(failures, () -> unlessEnded(asked.getKey(), asked.getValue(), state -> sort(asked.getKey(), state, toRestore, toUnlock)));
        }
        List<Exception> refused = new ArrayList<>();
        for (CudaProcess holder : toRestore) {
            attempt(refused, () -> {
                restore(holder.process(), map);
                restored.add(holder);
            });
        }
        for (Map.Entry<CudaProcess, FutureTask<CudaState>> asked : states(restored).entrySet()) {
            attempt(refused, () -> unlessEnded(asked.getKey(), asked.getValue(), state -> {
                requireRestored(asked.getKey().process(), CudaResult.SUCCESS, state);
                toUnlock.add(asked.getKey());
            }));
        }
        failures.addAll(refused);
        if (!refused.isEmpty() && !map.isEmpty()) {
            // Those that are back leave these GPUs again, and would compute meanwhile. In place they are the job's own: who can runs on.
            toUnlock.clear();
        }
        long unlocking = System.nanoTime();
        Map<CudaProcess, Integer> unlocked = new LinkedHashMap<>();
        for (CudaProcess holder : toUnlock) {
            attempt(failures, () -> unlocked.put(holder, unlock(holder.process())));
        }
        for (Map.Entry<CudaProcess, FutureTask<CudaState>> asked : states(List.copyOf(unlocked.keySet())).entrySet()) {
            attempt(failures, () -> unlessEnded(asked.getKey(), asked.getValue(), state -> requireRunning(asked.getKey().process(), unlocked.getOrDefault(asked.getKey(), CudaResult.SUCCESS), state)));
        }
        throwFirst(failures);
        return new Back(toUnlock.size(), Duration.ofNanos(System.nanoTime() - unlocking));
    }

    /**
     * How far a way back came that was broken off; nothing is touched.
     *
     * @param moved it was to other GPUs, so no map knows them and the old ones together
     * @return whether processes are back
     * @throws FerryException GPU_SAVE_FAILED when they have moved and others are where they were
     */
    public boolean isBack(boolean moved) throws IOException, InterruptedException {
        List<CudaProcess> back = new ArrayList<>();
        List<CudaProcess> away = new ArrayList<>();
        for (Map.Entry<CudaProcess, FutureTask<CudaState>> asked : states(find()).entrySet()) {
            unlessEnded(asked.getKey(), asked.getValue(), state -> (state == CudaState.CHECKPOINTED ? away : back).add(asked.getKey()));
        }
        if (moved && !back.isEmpty() && !away.isEmpty()) {
            throw new FerryException(
                    ErrorCode.GPU_SAVE_FAILED,
                    "Some of the job's processes came back on other GPUs and some could not: " + pids(back) + " and " + pids(away) + ". What they hold lies on different GPUs now, which no map brings back");
        }
        return !back.isEmpty();
    }

    private static List<Integer> pids(List<CudaProcess> processes) {
        return processes.stream().map(one -> one.process().pid()).toList();
    }

    private interface Next {
        void go(CudaState state) throws IOException, InterruptedException;
    }

    /** Goes on by a process's state. Only what it does on the GPU is locked: it may end by itself at any moment, which is nobody's failure; in the driver's restore it is one. */
    private static void unlessEnded(CudaProcess one, FutureTask<CudaState> asked, Next next) throws IOException, InterruptedException {
        Optional<CudaState> state = unlessEnded(one.process(), asked);
        if (state.isPresent()) {
            next.go(state.get());
        }
    }

    private static Optional<CudaState> unlessEnded(JobProcess process, FutureTask<CudaState> asked) throws IOException, InterruptedException {
        try {
            return Optional.of(Together.result(asked));
        } catch (FerryException failed) {
            if (!hasEnded(process, failed)) {
                throw failed;
            }
            return Optional.empty();
        }
    }

    private static boolean hasEnded(JobProcess process, FerryException failed) throws IOException {
        boolean ended = failed.code() == ErrorCode.WRONG_STATE || process.awaitDeath(ON_ITS_WAY);
        if (ended) {
            LOG.info("process {} of the job has ended", process.pid());
        }
        return ended;
    }

    private Map<CudaProcess, FutureTask<CudaState>> states(List<CudaProcess> holders) {
        return Together.ask(holders, one -> node.driver().state(one.process()));
    }

    private static void sort(CudaProcess holder, CudaState state, List<CudaProcess> toRestore, List<CudaProcess> toUnlock) {
        JobProcess process = holder.process();
        switch (state) {
            case RUNNING -> LOG.debug("process {} runs already", process.pid());
            case LOCKED -> toUnlock.add(holder);
            case CHECKPOINTED -> toRestore.add(holder);
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
        if (error != CudaResult.SUCCESS) {
            requireRestored(process, error, node.driver().state(process));
        }
    }

    private static void requireRestored(JobProcess process, int error, CudaState state) {
        if (state != CudaState.LOCKED) {
            throw failure(process, "could not be brought back on the GPU: the driver answers " + CudaResult.name(error) + ", its state is " + state, ErrorCode.GPU_RESTORE_FAILED);
        }
    }

    private int unlock(JobProcess process) throws IOException, InterruptedException {
        try {
            return node.driver().unlock(process).error();
        } catch (FerryException failed) {
            if (!hasEnded(process, failed)) {
                throw failed;
            }
            // Asked for its state it says so.
            return CudaResult.SUCCESS;
        } catch (GpuHelper.Gone inDoubt) {
            LOG.warn("the unlock of process {} was interrupted: {}", process.pid(), inDoubt.getMessage());
            return CudaResult.SUCCESS;
        }
    }

    private void requireRunning(JobProcess process, int answered, CudaState seen) throws IOException, InterruptedException {
        int error = answered;
        CudaState state = seen;
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
