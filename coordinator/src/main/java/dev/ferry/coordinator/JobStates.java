package dev.ferry.coordinator;

import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ProofKind;

/** What the states of a job mean. */
public final class JobStates {
    private JobStates() {}

    /** It will not run again by itself. */
    public static boolean isEnded(JobState state) {
        return switch (state) {
            case EXITED, CANCELLED_JOB, FAILED -> true;
            case PENDING, STARTING, RUNNING, PARKED, SUSPENDED, RESTORING, UNREACHABLE, LOST, JOB_STATE_UNSPECIFIED, UNRECOGNIZED -> false;
        };
    }

    /**
     * When a job ended, milliseconds since 1970, for whoever asks how long ago that was; 0: it has not. Its daemon's word of it counts
     * only from when it was heard: the clock of a node may be wrong.
     */
    public static long endedAt(Job job) {
        if (!isEnded(job.getState())) {
            return 0;
        }
        return Math.max(Math.max(job.getEndedAt(), job.getProof().getAt()), Math.max(job.getSubmittedAt(), 1));
    }

    /** It takes room on its node, or may do so. */
    public static boolean isOnNode(JobState state) {
        return switch (state) {
            case STARTING, RUNNING, PARKED, RESTORING, UNREACHABLE -> true;
            case PENDING, SUSPENDED, LOST, EXITED, CANCELLED_JOB, FAILED, JOB_STATE_UNSPECIFIED, UNRECOGNIZED -> false;
        };
    }

    /**
     * Whether a lost job goes on without being asked for: an operation is at work on it, it is in the queue (after an evacuation), or a cloud has said
     * that its machine is gone. Any other lost job is its operator's.
     */
    public static boolean comesBack(Job lost) {
        boolean queued = lost.getQueue().getComesBack() && lost.getQueue().getAnywhere();
        boolean known = queued || lost.getProof().getKind() == ProofKind.PROOF_CLOUD;
        return lost.getState() == JobState.LOST && (!lost.getOperation().isEmpty() || (known && !lost.getLatestImage().isEmpty()));
    }

    /** As people read it: RUNNING, SUSPENDED, CANCELLED. */
    public static String name(JobState state) {
        return state == JobState.CANCELLED_JOB ? "CANCELLED" : state.name();
    }
}
