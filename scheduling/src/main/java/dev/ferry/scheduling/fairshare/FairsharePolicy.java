package dev.ferry.scheduling.fairshare;

/**
 * How fairshare is computed.
 *
 * @param damping FairShareDampeningFactor, 1 or more: how much more than its share an account may use before its factor is small; not used by Fair Tree
 * @param ties used by Fair Tree only
 */
public record FairsharePolicy(FairshareMethod method, int damping, Ties ties) {
    public FairsharePolicy {
        if (damping < 1) {
            throw new IllegalArgumentException("The damping factor must be 1 or more, not " + damping);
        }
    }

    public static FairsharePolicy fairTree() {
        return new FairsharePolicy(FairshareMethod.FAIR_TREE, 1, Ties.SLURM);
    }
}
