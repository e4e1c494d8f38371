package dev.ferry.node.jobs;

import dev.ferry.node.sandbox.JobProcess;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Waits for the death of a job's first process, on a thread that only waits; one process is watched once, however often that is asked for. */
final class DeathWatch {
    private static final Logger LOG = LoggerFactory.getLogger(DeathWatch.class);
    private static final Duration ROUND = Duration.ofMinutes(10);
    private static final Duration PAUSE = Duration.ofSeconds(5);

    private final String job;
    private final Consumer<JobProcess> dead;
    private @Nullable JobProcess watched;
    private volatile boolean closed;

    /**
     * @param dead is told once, on a thread of this
     */
    DeathWatch(String job, Consumer<JobProcess> dead) {
        this.job = job;
        this.dead = dead;
    }

    synchronized void watch(JobProcess process) {
        if (process.equals(watched)) {
            return;
        }
        Thread unused = Thread.ofPlatform().daemon().name("watch " + job).start(() -> await(process));
        watched = process;
    }

    private void await(JobProcess process) {
        boolean lives = true;
        while (lives && !closed) {
            try {
                lives = !process.awaitDeath(ROUND);
            } catch (IOException | RuntimeException failed) {
                // As for want of descriptors. Who stopped to look would never see the job's end.
                LOG.error("job {} can't be watched; it is tried again in {} s", job, PAUSE.toSeconds(), failed);
                LockSupport.parkNanos(PAUSE.toNanos());
            }
        }
        if (!closed) {
            dead.accept(process);
        }
    }

    /** Tells nothing any more. */
    void close() {
        closed = true;
    }
}
