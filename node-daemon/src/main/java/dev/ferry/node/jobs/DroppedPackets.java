package dev.ferry.node.jobs;

import dev.ferry.node.criu.CriuAftermath;
import dev.ferry.node.sandbox.JobProcess;
import java.io.IOException;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The packets of a job's connections, which a dump has dropped and a failed one may have left dropped. A job that goes on is not cut off from itself for ever: they are let pass, and what
 * fails is tried again; at most one such try is waiting.
 *
 * <p>All of it runs on the job's queue, one piece after the other: that, and no lock, guards its field.
 */
final class DroppedPackets {
    private static final Logger LOG = LoggerFactory.getLogger(DroppedPackets.class);

    private final LocalJob job;
    private final WorkQueue work;
    private boolean later;

    DroppedPackets(LocalJob job, WorkQueue work) {
        this.job = job;
        this.work = work;
    }

    /** Tried again until a job that a dump has left cut off from itself, and that goes on, no longer is. */
    void letPass() {
        Optional<JobProcess> process = job.process();
        if (process.isEmpty() || !LocalJob.isLive(job.state())) {
            return;
        }
        try {
            CriuAftermath.letPacketsPass(job.folder(), process.get());
        } catch (IOException | RuntimeException failed) {
            LOG.error("job {}: the packets of its connections are still dropped; it is tried again in {} s", job.id(), Failures.AGAIN.toSeconds(), failed);
            if (!later) {
                later = true;
                work.addLater(
                        Failures.AGAIN,
                        () -> {
                            later = false;
                            letPass();
                        });
            }
        }
    }
}
