package dev.ferry.scheduling.priority;

/** Those of Slurm's PriorityFlags that change a job's factors. */
public enum PriorityFlag {
    /** Age counts from submission, also while a job could not have run. */
    ACCRUE_ALWAYS,
    /** Job size is that in CPUs for each minute of the time limit. */
    SMALL_RELATIVE_TO_TIME,
    /** The association's priority itself instead of its part of the highest. */
    NO_NORMAL_ASSOC,
    NO_NORMAL_PART,
    NO_NORMAL_QOS,
    /** The number of resources itself instead of the part of the partition's. */
    NO_NORMAL_TRES
}
