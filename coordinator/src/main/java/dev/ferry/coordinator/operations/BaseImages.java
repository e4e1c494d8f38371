package dev.ferry.coordinator.operations;

import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Operation;
import dev.ferry.storage.Tenants;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * From which image a new one takes the chunks that it need not send. For a job's first one that is the image of another
 * job of its kind: jobs that load the same model hold the same pages. From the second on it is the job's own, which names
 * whatever it took from there. A wrong guess costs the read of one manifest, before the freeze.
 */
final class BaseImages {
    /** How many operations are looked through. */
    private static final int RECENT = 200;
    /** An interpreter and its program; what follows tells the runs of one program apart. */
    private static final int KIND_WORDS = 2;

    private BaseImages() {}

    /**
     * @return empty: there is none
     */
    static String of(Transaction state, Job job) {
        return job.getLatestImage().isEmpty() ? ofAnother(state, job).orElse("") : job.getLatestImage();
    }

    private static Optional<String> ofAnother(Transaction state, Job job) {
        Set<String> seen = new HashSet<>(Set.of(job.getId()));
        for (Operation recent : state.operations("", RECENT)) {
            if (recent.getImage().isEmpty() || !seen.add(recent.getJob())) {
                continue;
            }
            Optional<Job> other = state.job(recent.getJob()).filter(one -> !one.getLatestImage().isEmpty() && areOfAKind(one.getSpec(), job.getSpec()));
            if (other.isPresent() && state.image(other.get().getLatestImage()).isPresent()) {
                return other.map(Job::getLatestImage);
            }
        }
        return Optional.empty();
    }

    /** Another tenant's chunks are sealed with another key; and what need not be sent would tell a user what others have in memory. */
    private static boolean areOfAKind(JobSpec one, JobSpec other) {
        return Tenants.of(one).equals(Tenants.of(other)) && one.getUserName().equals(other.getUserName()) && kind(one).equals(kind(other)) && one.getRootfs().equals(other.getRootfs());
    }

    private static List<String> kind(JobSpec spec) {
        return spec.getCommandList().subList(0, Math.min(KIND_WORDS, spec.getCommandCount()));
    }
}
