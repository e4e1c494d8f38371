package dev.ferry.scheduling.pass;

/** Which of the nodes that have room. */
public enum Packing {
    /** Those with the fewest free GPUs, so that whole nodes stay free for jobs that need them. */
    PACK,
    /** Those whose jobs end no sooner, of them those with the fewest free GPUs: nodes become free as a whole. Jobs of several nodes, or of which nobody said how long they run, as with {@link #PACK}. */
    ALIGN,
    /** Those with the most free GPUs. */
    SPREAD
}
