package dev.ferry.scheduling.pass;

/** Which of the nodes that have room. */
public enum Packing {
    /** Those with the fewest free GPUs, so that whole nodes stay free for jobs that need them. */
    PACK,
    /** Those with the most free GPUs. */
    SPREAD
}
