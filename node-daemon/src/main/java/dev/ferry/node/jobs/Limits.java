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
    // CRIU's own, page tables among them, while it fills a process that is nearly as large as its limit.
    private static final long RESTORE_ROOM = 64L << 20;

    static Limits of(JobSpec spec) {
        return new Limits(
                spec.getCpuMillis() == 0 ? DEFAULT_CPU_MILLIS : spec.getCpuMillis(),
                spec.getMemoryBytes() == 0 ? DEFAULT_MEMORY : spec.getMemoryBytes());
    }

    /**
     * Limits under which an image can be brought back. CRIU gives processes that shared memory since their
     * fork copies of their own where their mappings differ; a job that fitted into its limit before may need more
     * then, and must not be lost for it.
     *
     * @param imageMemoryBytes memory pages in the image
     */
    Limits fitting(long imageMemoryBytes) {
        return new Limits(cpuMillis, Math.max(memoryBytes, imageMemoryBytes + RESTORE_ROOM));
    }

    /**
     * Makes the group with these limits.
     *
     * @param tasks how many processes and threads any job may have here
     */
    void apply(JobCgroup cgroup, int tasks) throws IOException {
        cgroup.create(cpuMillis, memoryBytes);
        cgroup.limits().setTasks(tasks);
    }
}
