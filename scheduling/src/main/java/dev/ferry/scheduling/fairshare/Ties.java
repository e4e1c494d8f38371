package dev.ferry.scheduling.fairshare;

/** What Fair Tree does with sibling accounts whose level is the same to the last bit. */
public enum Ties {
    /** As Slurm's program does: one after the other, the newest first; the first user of the later one gets the rank of the user before. */
    SLURM,
    /** As Slurm's documentation says: their members are one list, so that equal members get equal ranks. */
    DOCUMENTED
}
