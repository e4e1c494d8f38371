package dev.ferry.coordinator.scheduling;

import dev.ferry.proto.v1.Job;

/** Which jobs wait for their turn. */
final class Queue {
    private Queue() {}

    /** It is in the queue: it has never had a place, or it was preempted and comes back by itself. */
    static boolean holds(Job job) {
        return switch (job.getState()) {
            case PENDING -> true;
            case SUSPENDED, PARKED -> job.getQueue().getComesBack();
            case STARTING, RUNNING, RESTORING, UNREACHABLE, LOST, EXITED, CANCELLED_JOB, FAILED, JOB_STATE_UNSPECIFIED, UNRECOGNIZED -> false;
        };
    }

    /** It is in the queue, and nothing is done with it at the moment. */
    static boolean waits(Job job) {
        return holds(job) && job.getOperation().isEmpty();
    }
}
