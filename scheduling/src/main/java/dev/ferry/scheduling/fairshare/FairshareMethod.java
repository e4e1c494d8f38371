package dev.ferry.scheduling.fairshare;

/** Which of Slurm's ways turns shares and use into a factor. */
public enum FairshareMethod {
    FAIR_TREE,
    /** PriorityFlags=NO_FAIR_TREE. */
    CLASSIC,
    /** PriorityFlags=DEPTH_OBLIVIOUS, which implies NO_FAIR_TREE. */
    DEPTH_OBLIVIOUS
}
