package dev.ferry.node.gpu;

import dev.ferry.node.sandbox.JobProcess;

/**
 * A process of a job that holds CUDA state.
 *
 * @param process in the host's PID namespace
 * @param innerPid in the job's own, the innermost PID namespace: the same after a restore elsewhere
 */
public record CudaProcess(JobProcess process, int innerPid) {}
