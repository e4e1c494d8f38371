package dev.ferry.chaos.simulation;

/** What must hold in every world. */
enum Invariant {
    /** Of a job at most one life runs at any moment, on whichever node. */
    AT_MOST_ONE_RUNNING_COPY,
    /** No copy that keeps its node's lease runs once the lease has ended, nor as long as the store says so. A frozen copy does not run. */
    NO_COPY_RUNS_AFTER_ITS_LEASE,
    /** A life begins once, and never after a later one. */
    NO_LOWER_INCARNATION_ACTS,
    /** The image that the store calls a job's latest is whole, and of the life that the job was in. */
    NO_COMMITTED_IMAGE_LOST,
    /** Neither the latest image nor a new life is behind an image that was committed. */
    PROGRESS_NEVER_BEHIND_THE_COMMITTED_IMAGE,
    /** Nothing kills a life before the store says that it is over; and what a move kills has done no step that is not in the image. */
    NOTHING_KILLED_BEFORE_THE_COMMIT,
    /** A coordinator that no longer leads changes nothing. */
    NO_WRITE_OF_A_DEPOSED_LEADER,
    /** When faults have stopped every operation ends, and every job is where its record says. */
    EVERY_OPERATION_ENDS
}
