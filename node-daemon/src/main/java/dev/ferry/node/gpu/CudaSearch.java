package dev.ferry.node.gpu;

import dev.ferry.common.FerryException;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.FutureTask;
import java.util.concurrent.locks.LockSupport;

/** Which processes of one job hold CUDA state, during one operation. Of one thread. */
final class CudaSearch {
    private static final long SETTLE_NANOS = 500_000_000;
    private static final long LOOK_NANOS = 5_000_000;
    /** How long a process that answers nothing may be on its way out. */
    private static final Duration LEAVES = Duration.ofMillis(50);

    private final GpuNode node;
    private final JobCgroup cgroup;
    /** Who was found to hold state: that stays so until the process ends, so it is not asked for again. */
    private final Map<Integer, CudaProcess> known = new HashMap<>();
    private Map<Integer, ProcessLook> looks = Map.of();

    CudaSearch(GpuNode node, JobCgroup cgroup) {
        this.node = node;
        this.cgroup = cgroup;
    }

    /** What the last {@link #find} saw of each process of the job. */
    Map<Integer, ProcessLook> looks() {
        return looks;
    }

    /**
     * Every process of the job that holds CUDA state, in the order of their inner pids. A process that is just opening a device is waited for
     * until its state can be seen.
     */
    List<CudaProcess> find() throws IOException, InterruptedException {
        long end = System.nanoTime() + SETTLE_NANOS;
        while (true) {
            boolean clear = look();
            if (clear || System.nanoTime() > end) {
                return known.values().stream().filter(one -> looks.containsKey(one.process().pid())).sorted(Comparator.comparingInt(CudaProcess::innerPid)).toList();
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
    }

    /** @return false: a process has a GPU open, and its state can't be seen yet */
    private boolean look() throws IOException, InterruptedException {
        looks = new LinkedHashMap<>();
        List<CudaProcess> candidates = new ArrayList<>();
        for (int pid : cgroup.processes()) {
            ProcessLook look = new ProcessLook(pid);
            looks.put(pid, look);
            CudaProcess before = known.get(pid);
            if (before != null && before.process().isAlive()) {
                continue;
            }
            known.remove(pid);
            if (look.mapsDriver()) {
                // Read here: other threads ask for it.
                boolean ignored = look.isStopped() && look.openGpuDevices().isEmpty();
                candidates.add(new CudaProcess(JobProcess.of(pid), look.innerPid()));
            }
        }
        boolean clear = true;
        for (Map.Entry<CudaProcess, FutureTask<Boolean>> asked : Together.ask(candidates, this::holdsState).entrySet()) {
            CudaProcess one = asked.getKey();
            if (Together.result(asked.getValue())) {
                known.put(one.process().pid(), one);
            } else {
                clear &= !hasOpened(one);
            }
        }
        return clear;
    }

    private boolean hasOpened(CudaProcess one) {
        ProcessLook look = looks.get(one.process().pid());
        return look != null && !look.openGpuDevices().isEmpty();
    }

    /** One that is stopped is not asked: it could not answer. */
    private boolean holdsState(CudaProcess one) throws IOException, InterruptedException {
        if (Objects.requireNonNull(looks.get(one.process().pid())).isStopped()) {
            return hasOpened(one);
        }
        try {
            return node.driver().holdsState(one.process());
        } catch (FerryException failed) {
            if (failed.code() == ErrorCode.GPU_STUCK) {
                // It does: a call on it is in flight. The others must be found all the same.
                return true;
            }
            // It may be on its way out: then it answers nothing any more, and is there for a moment yet.
            if (failed.code() != ErrorCode.WRONG_STATE && !one.process().awaitDeath(LEAVES)) {
                throw failed;
            }
            return false;
        }
    }
}
