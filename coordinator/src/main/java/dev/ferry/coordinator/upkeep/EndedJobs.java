package dev.ferry.coordinator.upkeep;

import dev.ferry.common.FerryException;
import dev.ferry.common.Scheduler;
import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.accounts.Metering;
import dev.ferry.coordinator.nodes.CommandDesk;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.DeletedJob;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Retention;
import dev.ferry.storage.Images;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Forgets jobs that ended long ago, by schedule, and any job that has ended, on demand. A job that has images stays for as long as
 * they do: the schedule deletes none, retention does.
 */
public final class EndedJobs {
    private static final Logger LOG = LoggerFactory.getLogger(EndedJobs.class);

    /** Looked ten times in the time that ended jobs are kept, but not more often or more seldom than this. */
    private static final Duration OFTEN = Duration.ofSeconds(1);
    private static final Duration SELDOM = Duration.ofMinutes(10);
    private static final int LOOKS = 10;

    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final Duration BILL = Duration.ofSeconds(5);
    private static final Duration BILL_LOOK = Duration.ofMillis(50);
    /** What one pass deals with at most; the next one goes on behind it. */
    private static final int MOST_BATCHES = 200;

    private final StateStore store;
    private final Duration keep;
    private final Forgetting forgetting;
    private final Expiry expiry;
    private final Scheduler scheduler;
    /** The pass has dealt with all jobs up to this id; empty: it begins anew. */
    private String upTo = "";

    /**
     * @param keep how long jobs that have ended are kept; zero: for ever
     */
    public EndedJobs(StateStore store, CommandDesk desk, Images images, Duration keep, Scheduler scheduler) {
        this(store, desk, images, keep, PATIENCE, scheduler);
    }

    EndedJobs(StateStore store, CommandDesk desk, Images images, Duration keep, Duration patience, Scheduler scheduler) {
        this.store = store;
        this.keep = keep;
        this.scheduler = scheduler;
        forgetting = new Forgetting(store, desk, patience);
        expiry = new Expiry(store, images, Retention.getDefaultInstance());
    }

    /** Begins the schedule; it ends with the scheduler. */
    public void start() {
        if (!keep.isZero()) {
            Scheduler.Timer ignored = scheduler.after(every(keep), this::passAndAgain);
        }
    }

    static Duration every(Duration keep) {
        Duration part = keep.dividedBy(LOOKS);
        return part.compareTo(OFTEN) < 0 ? OFTEN : part.compareTo(SELDOM) > 0 ? SELDOM : part;
    }

    private void passAndAgain() {
        try {
            int forgotten = pass();
            if (forgotten > 0) {
                LOG.info("forgot {} jobs that had ended", forgotten);
            }
        } catch (FerryException failed) {
            LOG.warn("jobs that have ended were not forgotten: {}", failed.getMessage());
        } catch (RuntimeException | Error failed) {
            LOG.error("jobs that have ended were not forgotten", failed);
        } finally {
            start();
        }
    }

    /**
     * Forgets what is due, batch by batch, until nothing more is or a node lets a batch wait.
     *
     * @return how many jobs were forgotten
     */
    synchronized int pass() {
        int forgotten = 0;
        for (int i = 0; i < MOST_BATCHES; i++) {
            List<Job> found = store.transact(this::next);
            upTo = found.size() < Forgetting.BATCH ? "" : found.getLast().getId();
            List<Job> due = store.transact(state -> found.stream().filter(job -> isDue(state, job)).toList());
            Forgetting.Outcome outcome = forgetting.forget(due);
            forgotten += outcome.forgotten().size();
            if (upTo.isEmpty() || outcome.late()) {
                break;
            }
        }
        return forgotten;
    }

    private List<Job> next(Transaction state) {
        // One that was deposed must not tell nodes anything.
        state.requireLeader();
        return state.endedJobs(state.now() - keep.toMillis(), upTo, Forgetting.BATCH);
    }

    private boolean isDue(Transaction state, Job job) {
        if (JobStates.endedAt(job) >= state.now() - keep.toMillis()) {
            // When it ended was not noted where it is looked up by: an older Ferry wrote it. Now it is.
            Job ignored = state.put(job);
            return false;
        }
        return Forgetting.isOver(state, job);
    }

    /**
     * Forgets one job now.
     *
     * @param withImages delete its images too
     * @throws FerryException JOB_NOT_FOUND, WRONG_STATE when it has not ended, OPERATION_IN_PROGRESS, IMAGE_IN_USE when it has images that
     *     are to stay, NODE_DOWN when a node that may have something of it does not answer; then its record is still there
     */
    public DeletedJob delete(String id, boolean withImages) {
        List<Image> images = store.transact(state -> takeImages(state, id, withImages));
        if (!images.isEmpty()) {
            expiry.sweep();
        }
        Job job = store.transact(state -> state.job(id)).orElseThrow(() -> notFound(id));
        awaitBill(id);
        Forgetting.Outcome outcome = forgetting.forget(List.of(job));
        if (outcome.forgotten().isEmpty()) {
            throw refusal(id, outcome.unanswered());
        }
        return DeletedJob.newBuilder().setJob(job).setImages(images.size()).build();
    }

    /** What a job has used is billed a moment after its end. */
    private void awaitBill(String id) {
        long end = System.nanoTime() + BILL.toNanos();
        while (!store.transact(state -> Metering.isCounted(state, id)) && System.nanoTime() < end) {
            LockSupport.parkNanos(BILL_LOOK.toNanos());
        }
    }

    private static FerryException notFound(String id) {
        return new FerryException(ErrorCode.JOB_NOT_FOUND, "There is no job '" + id + "'");
    }

    private static FerryException refusal(String id, Map<String, Set<String>> unanswered) {
        Set<String> nodes = unanswered.getOrDefault(id, Set.of());
        return nodes.isEmpty()
                ? new FerryException(ErrorCode.WRONG_STATE, "Something happened to job " + id + " while it was being deleted, or what it has used is not billed yet: nothing is deleted here; say it again")
                : new FerryException(
                        ErrorCode.NODE_DOWN,
                        "Job " + id + " can't be deleted yet: something of it may be left on " + String.join(", ", nodes) + ", and no word has come from there that it is gone. Say it again when the node answers; "
                                + "of one that never will, say `ferry node declare-dead NODE --i-have-checked`");
    }

    /** What is to go leaves the catalogue in the transaction that sees that the job is over, so that nobody can restore it any more. */
    private static List<Image> takeImages(Transaction state, String id, boolean withImages) {
        Job job = state.job(id).orElseThrow(() -> notFound(id));
        if (!JobStates.isEnded(job.getState())) {
            throw new FerryException(
                    ErrorCode.WRONG_STATE, "Job " + id + " is " + JobStates.name(job.getState()) + ": only a job that has ended can be deleted; `ferry cancel " + id + "` ends it");
        }
        if (!job.getOperation().isEmpty()) {
            throw new FerryException(ErrorCode.OPERATION_IN_PROGRESS, "Operation " + job.getOperation() + " on job " + id + " has not ended");
        }
        List<Image> images = state.images(id);
        if (!images.isEmpty() && !withImages) {
            throw new FerryException(ErrorCode.IMAGE_IN_USE, "Job " + id + " has " + images.size() + " images, from which it could be restored; `ferry job delete " + id + " --images` deletes them too");
        }
        for (Image image : images) {
            Expiry.expire(state, image);
        }
        if (!images.isEmpty()) {
            Job ignored = state.put(job.toBuilder().clearLatestImage().build());
        }
        return images;
    }
}
