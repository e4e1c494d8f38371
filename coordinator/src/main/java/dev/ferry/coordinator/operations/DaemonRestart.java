package dev.ferry.coordinator.operations;

/**
 * What a daemon that starts answers to an order which the one before it left in its journal: the rules of {@code Recovery} in
 * node-daemon, as far as the coordinator goes by them.
 */
enum DaemonRestart {
    /** The order is in no journal: it comes again, and is done as if it were new. */
    AGAIN,
    /** What was begun is done to its end, or found to be done: the answer is a success. */
    FINISHED,
    /** What was begun is rolled back: the answer is a failure, and nothing of it is left. */
    UNDONE;

    /** Of an order that is begun and not done. */
    static DaemonRestart inTheMiddle(StepName step) {
        return switch (step) {
            case CHECK, PREFETCH, FILL -> AGAIN;
            case KILL, THAW, UNPARK -> FINISHED;
            case START, RESTORE, DUMP, PRE_COPY, CATCH_UP, PARK -> UNDONE;
            case PLACE, RESERVE, COMMIT, FALL_BACK, CLAIM -> throw notOfADaemon(step);
        };
    }

    /** Of an order that is done, while the journal calls it open. */
    static DaemonRestart beforeItsWrite(StepName step) {
        return switch (step) {
            case CHECK, PREFETCH, FILL -> AGAIN;
            // A command that runs is kept, and so is an image that is whole with the job frozen behind it.
            case START, DUMP, KILL, THAW, UNPARK -> FINISHED;
            // Whether CRIU came to its end is not known, so the half-made life is killed; a park that is undone can be tried again.
            case RESTORE, PRE_COPY, CATCH_UP, PARK -> UNDONE;
            case PLACE, RESERVE, COMMIT, FALL_BACK, CLAIM -> throw notOfADaemon(step);
        };
    }

    private static IllegalArgumentException notOfADaemon(StepName step) {
        return new IllegalArgumentException(step + " is not done by a daemon");
    }
}
