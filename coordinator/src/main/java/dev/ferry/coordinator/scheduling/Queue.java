package dev.ferry.coordinator.scheduling;

import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Requirements;
import java.util.Optional;

/** Which jobs wait for their turn. */
public final class Queue {
    private Queue() {}

    /** It is in the queue: it has never had a place, or it was preempted, moved unasked or lost its machine and comes back by itself. */
    static boolean holds(Job job) {
        return switch (job.getState()) {
            case PENDING -> true;
            case SUSPENDED, PARKED -> job.getQueue().getComesBack();
            // By an evacuation only: what becomes of any other lost job its policy and its operator say.
            case LOST -> job.getQueue().getComesBack() && job.getQueue().getAnywhere() && !job.getLatestImage().isEmpty();
            case STARTING, RUNNING, RESTORING, UNREACHABLE, EXITED, CANCELLED_JOB, FAILED, JOB_STATE_UNSPECIFIED, UNRECOGNIZED -> false;
        };
    }

    /** It is in the queue, and nothing is done with it at the moment. */
    public static boolean waits(Job job) {
        return holds(job) && job.getOperation().isEmpty();
    }

    /** It waits for room that others make for it on one node; it starts as soon as that is there. */
    public static boolean claims(Job job) {
        return waits(job) && job.getQueue().hasClaim();
    }

    /** It lies in its node's main memory and waits for its turn like any other: its room is not held for it. */
    static boolean isParkedForGood(Job job) {
        return job.getState() == JobState.PARKED && waits(job);
    }

    /**
     * A stored job whose machine goes away, in the queue: it goes on when it is its turn, wherever there is room.
     *
     * @param now milliseconds since 1970: since when it waits
     * @param cause of the operation that will bring it back
     */
    public static Job evacuated(Job job, long now, String cause) {
        return job.toBuilder().setQueue(job.getQueue().toBuilder().setComesBack(true).setSince(now).setCause(cause).setAnywhere(true).clearAttempts().clearNotBefore()).build();
    }

    /**
     * A job that is moved or restored though nobody asked for it: if that leaves it stored it is in the queue, since nobody would bring it back. Whatever
     * an evacuation said of where it may go stays. One that was parked stays its owner's.
     *
     * @param now milliseconds since 1970: since when it waits, if it does
     * @param cause of the operation, and of the one that will bring it back
     */
    public static Job unasked(Job job, long now, String cause) {
        if (job.getState() == JobState.PARKED) {
            return job;
        }
        return job.toBuilder().setQueue(job.getQueue().toBuilder().setComesBack(true).setSince(now).setCause(cause).clearAttempts().clearNotBefore()).build();
    }

    /** Whether it waits for its turn to go on after this. */
    public static boolean isEvacuated(Job job, String cause) {
        return holds(job) && job.getQueue().getCause().equals(cause);
    }

    /** One that nobody brings back any more without being asked. */
    public static Job out(Job job) {
        return job.toBuilder().setQueue(job.getQueue().toBuilder().clearComesBack().clearCause().clearAnywhere()).build();
    }

    /** What a job asks for now: where it comes back may be another node than it asked for at its start. */
    public static JobSpec wish(Job job) {
        return job.getQueue().getAnywhere() ? job.getSpec().toBuilder().clearNode().build() : job.getSpec();
    }

    /** What the image that a job comes back from needs of its node; empty: it has none yet, or it is not used. */
    static Optional<Requirements> needs(Transaction state, Job job) {
        return switch (job.getState()) {
            case SUSPENDED, PARKED, LOST -> state.image(job.getLatestImage()).map(Image::getRequirements);
            case PENDING, STARTING, RUNNING, RESTORING, UNREACHABLE, EXITED, CANCELLED_JOB, FAILED, JOB_STATE_UNSPECIFIED, UNRECOGNIZED -> Optional.empty();
        };
    }
}
