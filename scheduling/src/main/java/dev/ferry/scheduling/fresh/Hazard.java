package dev.ferry.scheduling.fresh;

import java.time.Duration;

/**
 * How often machines of a pool are taken away, by what is known of it: a rate with a Gamma distribution, the conjugate prior of exponential life times of
 * which some are cut off (those machines live on, or were given back). Source: Gelman et al., Bayesian Data Analysis, 3rd edition, chapter 2.6.
 *
 * @param events of the prior and those that were seen (shape)
 * @param exposure machine time of the prior and that in which they were seen (rate)
 */
public record Hazard(double events, Duration exposure) {
    /** What is believed of a pool of which nothing was seen: one interruption in a day, and that belief is worth half an interruption. */
    public static final Hazard PRIOR = new Hazard(0.5, Duration.ofHours(12));

    public Hazard {
        if (!(events > 0) || exposure.isZero() || exposure.isNegative()) {
            throw new IllegalArgumentException("a hazard needs events and time: " + events + ", " + exposure);
        }
    }

    /**
     * With what was seen since.
     *
     * @param interruptions how many lives were ended
     * @param lived by all machines, those that live on among them
     */
    public Hazard after(long interruptions, Duration lived) {
        return new Hazard(events + interruptions, exposure.plus(lived));
    }

    /** Interruptions of one machine in an hour, as expected. */
    public double perHour() {
        return events / hours(exposure);
    }

    /** Mean time to an interruption of one machine, by the expected rate. */
    public Duration meanTime() {
        return Duration.ofMillis(Math.round(exposure.toMillis() / events));
    }

    /**
     * Mean time between interruptions that cost work, because nothing was told or too late.
     *
     * @param interruptions that were seen
     * @param uncovered those of them that cost work
     */
    public Duration meanTimeUncovered(long interruptions, long uncovered) {
        // Laplace's rule of succession: before any was seen, every second one is taken to be uncovered.
        double share = (uncovered + 1.0) / (interruptions + 2.0);
        return Duration.ofMillis(Math.round(meanTime().toMillis() / share));
    }

    /** Whether it is known with about 95 % that the rate is above another: the normal approximation of the Gamma distribution. */
    public boolean isRaisedAbove(Hazard other) {
        double deviation = Math.sqrt(events) / hours(exposure);
        return perHour() - 1.645 * deviation > other.perHour();
    }

    private static double hours(Duration time) {
        return time.toMillis() / 3_600_000.0;
    }
}
