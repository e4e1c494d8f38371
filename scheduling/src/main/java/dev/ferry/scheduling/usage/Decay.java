package dev.ferry.scheduling.usage;

/**
 * How usage is forgotten: by half in each half-life, tick by tick.
 *
 * <p>As in Slurm, what is left after one second is 1 - 0.693 / half-life (0.693 for ln 2), and after n seconds that to the n-th power. At a tick all usage is multiplied by what is left
 * after the seconds since the last tick; only then is new use added, itself discounted by the seconds for which it was made.
 *
 * @param perSecond what is left of usage after one second, above 0 and at most 1
 * @see <a href="https://slurm.schedmd.com/priority_multifactor.html">Slurm: Multifactor Priority Plugin</a>
 */
public record Decay(double perSecond) {
    /** Nothing is forgotten: a half-life of 0. */
    public static final Decay NONE = new Decay(1);

    private static final double SLURMS_LN_2 = 0.693;

    public Decay {
        if (!(perSecond > 0 && perSecond <= 1)) {
            throw new IllegalArgumentException("What is left after a second must be above 0 and at most 1, not " + perSecond);
        }
    }

    /**
     * @param seconds half-life; 0 for no decay
     */
    public static Decay ofHalfLife(long seconds) {
        if (seconds < 0) {
            throw new IllegalArgumentException("A half-life can't be " + seconds + " seconds");
        }
        return seconds == 0 ? NONE : new Decay(1 - SLURMS_LN_2 / seconds);
    }

    /** What is left after some seconds. */
    public double after(double seconds) {
        return perSecond == 1 ? 1 : Math.pow(perSecond, seconds);
    }

    /**
     * What a job's use counts at the end of the period in which it was made.
     *
     * @param seconds for how long it ran in the period
     * @param rate what a second costs, in billing units
     * @param factor usage factor of the job's QoS
     */
    public double newUsage(long seconds, double rate, double factor) {
        return seconds * after(seconds) * rate * factor;
    }
}
