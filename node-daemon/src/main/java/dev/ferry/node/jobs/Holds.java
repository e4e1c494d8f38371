package dev.ferry.node.jobs;

import dev.ferry.common.FerryException;
import dev.ferry.node.criu.CriuAftermath;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.LocalState;
import java.io.IOException;
import java.time.Duration;

/**
 * Lives of which the coordinator has said that they shall not run here, because they live elsewhere or are over. They are frozen in their
 * own groups before the node's lease is renewed, and stay so until they are killed.
 */
final class Holds {
    /** The node's lease waits for it. */
    private static final Duration DEATH = Duration.ofSeconds(1);

    private Holds() {}

    /** Stops what is there now and what may still come into the life's group. The journal says so already, or at least the job does. */
    static void hold(LocalJob job) throws IOException {
        if (!job.cgroup().exists()) {
            return;
        }
        job.cgroup().hold();
        if (job.state() == LocalState.LOCAL_CREATING) {
            // Who makes it would wait for it until the deadline, and the order to kill behind him.
            job.cgroup().killAll();
            // By that a v1 group is thawed, or the killed would not die; what comes into it later must stop as well.
            boolean ignored = job.cgroup().awaitEmpty(DEATH);
            job.cgroup().hold();
        } else if (job.record().getOpenCommand().hasDump()) {
            // Its code in the job's threads stands still as they do: the same.
            CriuAftermath.killLeftovers(job.folder().criu(DumpAction.runFolder(job.record().getOpenCommand())));
        }
    }

    /**
     * Asked when a life's group is there and before anything runs in it: so either this finds the job's word, or {@link #hold}
     * finds the group. Asked again before the life is said to run.
     *
     * @throws FerryException STALE_INCARNATION
     */
    static void requireThatItStands(LocalJob job) {
        if (job.isHeld()) {
            throw new FerryException(
                    ErrorCode.STALE_INCARNATION, "Life " + job.record().getIncarnation() + " of job " + job.id() + " shall not run on node " + job.context().node() + ": the coordinator has said so meanwhile");
        }
    }
}
