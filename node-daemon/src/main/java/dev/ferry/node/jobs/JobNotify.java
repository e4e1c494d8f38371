package dev.ferry.node.jobs;

import dev.ferry.node.posix.Posix;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.proto.v1.JobSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells a job that asked for it that it is about to be frozen, and that it goes on: by a signal, a file in its sandbox, or both. What goes wrong
 * with that is logged, and holds nothing up for longer than the job has asked for.
 */
final class JobNotify {
    /** What the file says. */
    static final String FREEZE = "freeze";

    static final String THAWED = "thawed";
    static final String RESTORED = "restored";

    private static final Logger LOG = LoggerFactory.getLogger(JobNotify.class);
    /** What the job writes into it when it may be frozen; as good: it removes the file. */
    private static final String READY = "ready";

    private static final Duration USUAL_GRACE = Duration.ofSeconds(10);
    private static final long LOOK_NANOS = 5_000_000;

    private final LocalJob job;
    private final JobSpec spec;

    JobNotify(LocalJob job) {
        this.job = job;
        spec = job.record().getSpec();
    }

    private boolean isWanted() {
        return spec.getNotifySignal() != 0 || !spec.getNotifyFile().isEmpty();
    }

    /**
     * The job is about to be frozen: returns when it is ready, has ended, shall not run here any more, or its grace is over.
     *
     * @param left until the order's deadline: no grace takes more than half of it, nor more than a quarter of what an evacuation has left
     */
    void freeze(Phases phases, Duration left) throws Exception {
        if (isWanted()) {
            Duration asked = spec.getNotifyGraceMillis() == 0 ? USUAL_GRACE : Duration.ofMillis(spec.getNotifyGraceMillis());
            Duration most = job.context().evacuations().left().map(evacuation -> evacuation.dividedBy(4)).filter(quarter -> quarter.compareTo(left.dividedBy(2)) < 0).orElse(left.dividedBy(2));
            phases.measure("notify", () -> tellAndAwait(asked.compareTo(most) < 0 ? asked : most));
        }
    }

    private void tellAndAwait(Duration grace) throws IOException, InterruptedException {
        long end = System.nanoTime() + grace.toNanos();
        tell(FREEZE);
        while (System.nanoTime() < end && job.isAlive() && !job.isHeld() && !isReady()) {
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
    }

    /** A job that has only a signal can't answer, and has the whole of its grace. */
    private boolean isReady() {
        if (spec.getNotifyFile().isEmpty()) {
            return false;
        }
        try {
            Optional<String> said = Posix.readSmall(file());
            return said.isEmpty() || said.get().strip().equals(READY);
        } catch (IOException unreadable) {
            LOG.debug("job {}: its file {} can't be read now", job.id(), spec.getNotifyFile(), unreadable);
            return false;
        }
    }

    /** The job goes on. */
    void goesOn(String word) {
        if (isWanted()) {
            tell(word);
        }
    }

    private void tell(String word) {
        try {
            if (!spec.getNotifyFile().isEmpty()) {
                Posix.replaceSmall(file(), word + "\n", spec.getUid(), spec.getGid());
            }
            Optional<JobProcess> process = job.process();
            if (spec.getNotifySignal() != 0 && process.isPresent()) {
                process.get().signal(spec.getNotifySignal());
            }
        } catch (IOException failed) {
            LOG.warn("job {}: it can't be told '{}'", job.id(), word, failed);
        }
    }

    /** Right in a folder that the job can write but not exchange: what lies at the name is the only thing that can be another than it seems. */
    private Path file() {
        Path inSandbox = Path.of(spec.getNotifyFile());
        return job.folder().volume(inSandbox.startsWith("/tmp") ? "tmp" : "work").resolve(inSandbox.getFileName());
    }
}
