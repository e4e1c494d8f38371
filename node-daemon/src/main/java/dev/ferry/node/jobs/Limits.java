package dev.ferry.node.jobs;

import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.proto.v1.JobSpec;
import java.io.IOException;

/**
 * What a job may use, with the defaults of job.proto.
 *
 * @param cpuMillis thousandths of a CPU
 */
record Limits(long cpuMillis, long memoryBytes) {
    private static final long DEFAULT_CPU_MILLIS = 1000;
    private static final long DEFAULT_MEMORY = 1L << 30;

    static Limits of(JobSpec spec) {
        return new Limits(
                spec.getCpuMillis() == 0 ? DEFAULT_CPU_MILLIS : spec.getCpuMillis(),
                spec.getMemoryBytes() == 0 ? DEFAULT_MEMORY : spec.getMemoryBytes());
    }

    void apply(JobCgroup cgroup) throws IOException {
        cgroup.create(cpuMillis, memoryBytes);
    }
}
