package dev.ferry.scheduling.priority;

import dev.ferry.scheduling.tres.Tres;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Slurm's multifactor priority.
 *
 * @see <a href="https://slurm.schedmd.com/priority_multifactor.html">Slurm: Multifactor Priority Plugin</a>
 */
public final class Multifactor {
    private Multifactor() {}

    /**
     * Factors before weighting.
     *
     * @param now seconds of the epoch: the tick at which priorities are computed
     */
    public static Factors of(PriorityJob job, PriorityPolicy policy, PriorityScale scale, long now) {
        return new Factors(
                age(job, policy, now),
                part(job.association(), scale.highestAssociation(), policy, PriorityFlag.NO_NORMAL_ASSOC),
                job.fairshare(),
                jobSize(job, policy, scale),
                part(job.partition(), scale.highestPartition(), policy, PriorityFlag.NO_NORMAL_PART),
                part(job.qos(), scale.highestQos(), policy, PriorityFlag.NO_NORMAL_QOS),
                tres(job, policy),
                job.site(),
                job.nice());
    }

    private static double age(PriorityJob job, PriorityPolicy policy, long now) {
        long since = policy.flags().contains(PriorityFlag.ACCRUE_ALWAYS) ? job.submitted() : job.accruesSince();
        long waited = since == 0 ? 0 : Math.max(0, now - since);
        return waited < policy.maxAge() ? (double) waited / policy.maxAge() : 1;
    }

    private static double part(long own, long highest, PriorityPolicy policy, PriorityFlag itself) {
        if (policy.flags().contains(itself)) {
            return own;
        }
        return highest == 0 ? 0 : (double) own / highest;
    }

    private static double jobSize(PriorityJob job, PriorityPolicy policy, PriorityScale scale) {
        double size;
        if (policy.flags().contains(PriorityFlag.SMALL_RELATIVE_TO_TIME)) {
            double cpus = Math.max((double) job.nodes() * scale.cpus() / scale.nodes(), job.cpus());
            double ofCluster = cpus / Math.max(1, job.minutes()) / scale.cpus();
            size = policy.favorSmall() ? 1 - ofCluster : ofCluster;
        } else {
            double ofNodes = (double) (policy.favorSmall() ? Math.max(0, scale.nodes() - job.nodes()) : job.nodes()) / scale.nodes();
            double ofCpus = (double) (policy.favorSmall() ? scale.cpus() - job.cpus() : job.cpus()) / scale.cpus();
            size = job.cpus() == 0 ? ofNodes : (ofNodes + ofCpus) / 2;
        }
        return Math.clamp(size, 0.0, 1.0);
    }

    private static SortedMap<String, Double> tres(PriorityJob job, PriorityPolicy policy) {
        SortedMap<String, Double> parts = new TreeMap<>(Tres.ORDER);
        boolean itself = policy.flags().contains(PriorityFlag.NO_NORMAL_TRES);
        for (String name : policy.tres().byName().keySet()) {
            long asked = job.tres().get(name);
            long all = job.ofPartition().get(name);
            parts.put(name, itself ? asked : all == 0 ? 0.0 : (double) asked / all);
        }
        return parts;
    }
}
