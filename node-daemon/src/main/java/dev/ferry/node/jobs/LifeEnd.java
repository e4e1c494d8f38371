package dev.ferry.node.jobs;

import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.proto.v1.LocalState;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The end of a life that nobody ordered: it is seen, written down, said, and what it held is cleared, in this order. What can't be written down is not said, and is tried again. An end by an
 * order's kill is told by the order's result, not by this.
 *
 * <p>All methods but {@link #stop} are called on the job's queue, one after the other; the thread that waits for a death only adds to it.
 */
final class LifeEnd {
    private static final Logger LOG = LoggerFactory.getLogger(LifeEnd.class);

    private static final int MOST_CLEARINGS = 5;

    private final LocalJob job;
    private final WorkQueue work;
    private final DeathWatch watch;

    LifeEnd(LocalJob job, WorkQueue work) {
        this.job = job;
        this.work = work;
        watch = new DeathWatch(job.id(), process -> work.add(() -> end(process)));
    }

    /** Watches the job's process, if it has one; one that is watched already is watched on. */
    void watch() {
        Optional<JobProcess> process = job.process();
        if (process.isPresent() && LocalJob.isLive(job.state())) {
            try {
                watch.watch(process.get());
            } catch (Error noThread) {
                LOG.error("job {} can't be watched; it is tried again in {} s", job.id(), Failures.AGAIN.toSeconds(), noThread);
                work.addLater(Failures.AGAIN, this::watch);
            }
        }
    }

    private void end(JobProcess process) {
        boolean itsLife = job.process().equals(Optional.of(process)) && LocalJob.isLive(job.state());
        if (!itsLife) {
            return;
        }
        try {
            EndActions.ended(job);
        } catch (Exception | Error failed) {
            LOG.error("job {} has ended and can't be written off; it is tried again in {} s", job.id(), Failures.AGAIN.toSeconds(), failed);
            work.addLater(Failures.AGAIN, () -> end(process));
            return;
        }
        tell();
    }

    private void tell() {
        LOG.info("job {} ended: {}", job.id(), job.state());
        job.context().outbox().report(job.report());
        clear();
    }

    /** As {@link Failures#guarded}, for what may find that a job is over, or have to end it. */
    void lively(String what, Phases.Act act) {
        boolean before = isOver();
        Failures.guarded(job, what, act);
        // Of a kill the result tells.
        if (!before && isOver() && job.state() != LocalState.LOCAL_KILLED) {
            tell();
        }
    }

    private boolean isOver() {
        LocalState state = job.state();
        return state == LocalState.LOCAL_EXITED || state == LocalState.LOCAL_KILLED || state == LocalState.LOCAL_LOST;
    }

    /** Clears what a job that is over has left; nothing while it is not over. What can't be cleared is tried again a few times, behind what waits by then. */
    void clear() {
        clear(MOST_CLEARINGS);
    }

    /** A control group can be busy for longer than its removal waits, for one. The next daemon tries too. */
    private void clear(int tries) {
        // What is here is not of that life then.
        if (!isOver() || job.filled().isPresent()) {
            return;
        }
        try {
            EndActions.clear(job);
        } catch (Exception failed) {
            LOG.warn("job {}: what it left could not be cleared", job.id(), failed);
            if (tries > 1) {
                work.add(() -> clear(tries - 1));
            }
        }
    }

    /** Sees no death any more. */
    void stop() {
        watch.close();
    }
}
