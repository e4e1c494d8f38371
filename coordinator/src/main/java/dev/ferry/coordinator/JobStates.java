package dev.ferry.coordinator;

import dev.ferry.proto.v1.JobState;

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

    /** It takes room on its node, or may do so. */
    public static boolean isOnNode(JobState state) {
        return switch (state) {
            case STARTING, RUNNING, PARKED, RESTORING, UNREACHABLE -> true;
            case PENDING, SUSPENDED, LOST, EXITED, CANCELLED_JOB, FAILED, JOB_STATE_UNSPECIFIED, UNRECOGNIZED -> false;
        };
    }

    /** As people read it: RUNNING, SUSPENDED, CANCELLED. */
    public static String name(JobState state) {
        return state == JobState.CANCELLED_JOB ? "CANCELLED" : state.name();
    }
}
