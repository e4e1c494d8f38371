package dev.ferry.scheduling.preempt;

/**
 * What was done in the last hour, for the budgets.
 *
 * @param preemptions how many
 * @param moving size times seconds that went into moving jobs
 */
public record Spent(int preemptions, double moving) {
    public static final Spent NOTHING = new Spent(0, 0);
}
