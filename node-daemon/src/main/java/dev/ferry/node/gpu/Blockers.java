package dev.ferry.node.gpu;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What keeps a job's GPU state from being saved, found in /proc and by NVML before anything is touched. What can't be seen from outside (legacy
 * IPC handles, exported memory, multicast) is met later, by the driver's answer or its silence.
 */
final class Blockers {
    private Blockers() {}

    /** One thing that is in the way. */
    record Blocker(int pid, String program, String cause, String advice) {
        @Override
        public String toString() {
            return "process " + pid + " (" + program + "): " + cause + "; " + advice;
        }
    }

    /**
     * @param looks at each process of the job
     * @param holders those that hold CUDA state
     * @throws FerryException GPU_BLOCKED that names each process with cause and advice
     */
    static void requireNone(Map<Integer, ProcessLook> looks, List<CudaProcess> holders, List<GpuDevice> devices) {
        List<Blocker> found = new ArrayList<>();
        List<Integer> holding = holders.stream().map(holder -> holder.process().pid()).toList();
        looks.forEach((pid, look) -> look(pid, look, holding.contains(pid), found));
        for (GpuDevice device : devices) {
            if (device.mig()) {
                found.add(new Blocker(0, device.uuid(), "the GPU is in MIG mode, whose slices the driver locks and then can't save", "switch MIG off on this GPU (nvidia-smi -mig 0)"));
            }
        }
        if (!found.isEmpty()) {
            throw new FerryException(ErrorCode.GPU_BLOCKED, "The job was not touched: " + String.join(". ", found.stream().map(Blocker::toString).toList()));
        }
    }

    private static void look(int pid, ProcessLook look, boolean holdsState, List<Blocker> found) {
        String program = look.name();
        List<String> descriptors = look.descriptors();
        if (descriptors.stream().anyMatch(target -> target.endsWith("/gdrdrv"))) {
            found.add(new Blocker(pid, program, "it has /dev/gdrdrv open (GDRCopy), whose mappings nobody can save", "switch GDRCopy off (UCX_TLS=^gdr_copy, NCCL_GDRCOPY_ENABLE=0)"));
        }
        if (descriptors.stream().anyMatch(target -> target.contains("[io_uring]"))) {
            found.add(new Blocker(pid, program, "it uses io_uring", "switch io_uring off in the program"));
        }
        if (descriptors.stream().anyMatch(target -> target.contains("nvidia-caps-imex-channels"))) {
            found.add(new Blocker(pid, program, "it shares GPU memory between machines (IMEX)", "switch NVLink fabric sharing off (NCCL_MNNVL_ENABLE=0)"));
        }
        if (descriptors.stream().anyMatch(target -> target.contains("nvidia-mps"))) {
            found.add(new Blocker(pid, program, "it uses the GPU through MPS", "stop MPS on this node and give the job a GPU of its own"));
        }
        boolean opened = descriptors.stream().anyMatch(target -> target.matches(".*/nvidia(\\d+|-uvm)"));
        if (!holdsState && opened && look.mapsDriver()) {
            found.add(new Blocker(pid, program, "it was forked from a process that uses the GPU, and has no CUDA state of its own", "start workers by exec (in Python: multiprocessing.set_start_method('spawn'))"));
        }
        if (holdsState && look.isStopped()) {
            found.add(new Blocker(pid, program, "it is stopped (SIGSTOP or a debugger), so the driver's thread in it can't answer", "let it go on (kill -CONT " + pid + ")"));
        }
    }
}
