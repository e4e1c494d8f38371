package dev.ferry.coordinator.accounts;

import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.GpuSample;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobUse;
import java.time.Duration;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What nodes see their jobs do with GPUs, added to what the jobs have used. Nobody is billed by it. */
public final class GpuSamples {
    private static final Logger LOG = LoggerFactory.getLogger(GpuSamples.class);
    /** More no daemon says at once: it looks each few seconds, and keeps what it can't tell for as long as it lives. */
    private static final long MOST_MILLIS = Duration.ofDays(366).toMillis();

    private GpuSamples() {}

    /** Takes what a node says, or drops it: nobody is billed by it, and it is not worth the node's stream. */
    public static void take(StateStore store, String node, GpuSample sample) {
        try {
            boolean ignored = store.transact(state -> add(state, node, sample));
        } catch (RuntimeException failed) {
            LOG.warn("what job {} does with its GPUs could not be written down: {}", sample.getJob(), failed.getMessage());
        }
    }

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
