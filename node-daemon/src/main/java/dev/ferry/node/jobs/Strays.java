package dev.ferry.node.jobs;

import dev.ferry.common.FerryException;
import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.proto.v1.LocalState;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Processes in the control groups of jobs of which no journal says that they run: a daemon began them whose folder was lost, or is now
 * what it was some time ago. The Hello does not name them, by which the coordinator knows that nothing of their jobs is here, so that they
 * may live elsewhere. So nothing of them may be left when the first Hello is said.
 */
final class Strays {
    private static final Logger LOG = LoggerFactory.getLogger(Strays.class);

    /** As {@code Ids.newJob} makes them: a group of another name is no job's, and not ours to clear. */
    private static final Pattern JOB_ID = Pattern.compile("j-[a-z2-9]{8}");
    private static final Duration DEATH = Duration.ofSeconds(2);

    private Strays() {}

    /**
     * Ends all that is in a job's group without a journal.
     *
     * @param cgroup the node's group, which holds those of its jobs
     * @param known whether a job has a journal here
     */
    static void end(CgroupLayout layout, String cgroup, Predicate<String> known) {
        for (String job : new JobCgroup(layout, cgroup).names()) {
            if (JOB_ID.matcher(job).matches() && !known.test(job)) {
                LOG.warn("job {}: no journal here knows of it, and its control group is there: what is in it is killed", job);
                end(new JobCgroup(layout, cgroup + "/" + job));
            }
        }
    }

    /**
     * Ends what is in the group of a job whose journal knows another process, or none: it is of a later life than the journal. The kernel's
     * record of how many died for want of memory stays, for whoever finds out how the job ended.
     */
    static void end(LocalJob job) throws IOException {
        // What is being made has no process in the journal yet: Recovery knows how to tell its own.
        if (job.state() != LocalState.LOCAL_CREATING && job.cgroup().exists() && !job.isAlive() && !job.cgroup().isEmpty()) {
            LOG.warn("job {}: its journal says {}, and processes {} that it does not know are in its control group: they are killed", job.id(), job.state(), job.cgroup().processes());
            kill(job.cgroup());
        }
    }

    private static void end(JobCgroup stray) {
        if (kill(stray)) {
            try {
                stray.remove();
            } catch (IOException failed) {
                LOG.warn("control group {} can't be removed", stray.path(), failed);
            }
        }
    }

    private static boolean kill(JobCgroup group) {
        try {
            group.kill(DEATH);
            return true;
        } catch (FerryException | IOException | UncheckedIOException later) {
            // A v1 group that the lease's end has frozen keeps the dead until it is thawed; a killed process does nothing more then.
            LOG.warn("control group {} is not empty yet; its processes are killed", group.path(), later);
            return false;
        }
    }
}
