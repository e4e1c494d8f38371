package dev.ferry.scheduling.preempt;

/**
 * When shares are enforced against running jobs, and how gently.
 *
 * @param delay seconds that a job must have waited before what its account lacks counts
 * @param hysteresis part of its due that an account must lack, 0 to 1
 * @param minimumRun seconds that a job runs undisturbed after each start
 * @param spacing seconds between two hits of one job
 * @param mostPerHour preemptions in any hour
 * @param mostMoving part of the cluster's time that may go into moving jobs, 0 to 1
 * @param worth how much the cost of a preemption may be of what it gives in {@link #horizon}
 * @param horizon seconds for which what is given counts
 * @param interruption what each interruption of a job costs beside the moving, size times seconds; for a taker smaller than 1, that part of it
 * @param foresight whether only the time counts for which the taker would wait, by the time limits of those that run
 * @param moves whether jobs may be moved to other nodes so that those that wait find theirs
 * @param dueFirst whether jobs within the dues of their accounts go before others, {@link DueFirst}
 * @param ageing whether what is given counts more the longer the taker has waited, and hits count less the longer they are past, after {@link #HITS_COUNT_FOR} no more
 */
public record PreemptionPolicy(
        long delay, double hysteresis, long minimumRun, long spacing, int mostPerHour, double mostMoving, double worth, long horizon, double interruption, boolean foresight, boolean moves, boolean dueFirst, boolean ageing) {
    /** So many horizons of waiting are long: ends that were foreseen are not believed any longer, and a large job lets smaller ones of its account go first no more. */
    public static final int PATIENCE = 6;

    /** Seconds after which a job has paid off what it was hit. */
    public static final int HITS_COUNT_FOR = 86_400;

    private static final long HOUR = 3600;

    /** Only the guards: interruptions cost nothing by themselves, nobody looks ahead or is moved, and the queue goes by priority alone. */
    public PreemptionPolicy(long delay, double hysteresis, long minimumRun, long spacing, int mostPerHour, double mostMoving, double worth, long horizon) {
        this(delay, hysteresis, minimumRun, spacing, mostPerHour, mostMoving, worth, horizon, 0, false, false, false, false);
    }

    /** Guards that spare jobs. */
    public static PreemptionPolicy gentle() {
        return new PreemptionPolicy(120, 0.05, 600, HOUR, 1000, 0.05, 0.5, HOUR, 1200, true, true, true, true);
    }

    /** Whatever lacks its due takes it at once: what the guards are compared with. */
    public static PreemptionPolicy naive() {
        return new PreemptionPolicy(0, 0, 0, 0, Integer.MAX_VALUE, 1, Double.POSITIVE_INFINITY, HOUR);
    }

    /** Seconds after which a job has waited for long. */
    public long patience() {
        return PATIENCE * horizon;
    }

    /** The same but for how long running jobs are left alone. */
    public PreemptionPolicy withRests(long minimum, long between) {
        return new PreemptionPolicy(delay, hysteresis, minimum, between, mostPerHour, mostMoving, worth, horizon, interruption, foresight, moves, dueFirst, ageing);
    }
}
