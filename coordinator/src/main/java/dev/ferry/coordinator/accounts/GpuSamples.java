package dev.ferry.coordinator.accounts;

import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.GpuSample;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobUse;
import java.time.Duration;
import java.util.Optional;

/** What nodes see their jobs do with GPUs, added to what the jobs have used. Nobody is billed by it. */
public final class GpuSamples {
    /** More no daemon says at once: it looks each few seconds, and keeps what it can't tell for as long as it lives. */
    private static final long MOST_MILLIS = Duration.ofDays(366).toMillis();

    private GpuSamples() {}

    /**
     * Adds what was seen of a job's present life.
     *
     * @param node who says it; of jobs that are elsewhere it has nothing to say
     * @return whether it was taken
     */
    public static boolean add(Transaction state, String node, GpuSample sample) {
        boolean sound = sample.getPeakBytes() >= 0 && sample.getBusyMillis() >= 0 && sample.getBusyMillis() <= sample.getSampledMillis() && sample.getSampledMillis() <= MOST_MILLIS;
        Optional<Job> job = state.job(sample.getJob()).filter(one -> one.getNode().equals(node) && one.getIncarnation() == sample.getIncarnation());
        // Before its first look the metering knows nothing of the job; the next sample finds it.
        Optional<JobUse> before = job.flatMap(one -> state.record(AccountKinds.JOB_USE, one.getId()));
        if (!sound || before.isEmpty()) {
            return false;
        }
        JobUse use = before.get();
        JobUse.Builder after =
                use.toBuilder()
                        .setGpuMemoryPeakBytes(Math.max(use.getGpuMemoryPeakBytes(), sample.getPeakBytes()))
                        .setGpuSampledMillis(use.getGpuSampledMillis() + sample.getSampledMillis())
                        .setGpuBusyMillis(use.getGpuBusyMillis() + sample.getBusyMillis());
        state.put(AccountKinds.JOB_USE, after.build());
        return true;
    }
}
