package dev.ferry.scheduling.fresh;

import java.time.Duration;

/**
 * The time between two images that costs the least work in all: too often costs the images, too seldom what is done again after an interruption.
 * Source: J. T. Daly, "A higher order estimate of the optimum checkpoint interval for restart dumps", Future Generation Computer Systems 22 (2006), 303-312.
 */
public final class Daly {
    private Daly() {}

    /**
     * Equation 37 of the paper: with x = delta / (2 M), sqrt(2 delta M) (1 + sqrt(x) / 3 + x / 9) - delta while delta is below 2 M, and M from there on.
     *
     * @param cost how long the job stands still for one image (delta)
     * @param meanTime between two interruptions that cost it the work since its last image (M)
     * @return from the end of one image to the begin of the next
     */
    public static Duration interval(Duration cost, Duration meanTime) {
        double delta = seconds(cost);
        double mean = seconds(meanTime);
        if (!(delta > 0) || !(mean > 0)) {
            throw new IllegalArgumentException("an image takes time, and so does an interruption to come: " + cost + ", " + meanTime);
        }
        if (delta >= 2 * mean) {
            return meanTime;
        }
        double x = delta / (2 * mean);
        return ofSeconds(Math.sqrt(2 * delta * mean) * (1 + Math.sqrt(x) / 3 + x / 9) - delta);
    }

    /**
     * The share of all time that does work which counts, by the paper's model of exponential interruptions (its equation 20, with a restart that takes R):
     * tau / (M e^(R/M) (e^((tau + delta)/M) - 1)).
     *
     * @param interval from the end of one image to the begin of the next (tau)
     * @param restart how long it takes until the job runs again (R)
     */
    public static double usefulShare(Duration interval, Duration cost, Duration meanTime, Duration restart) {
        double mean = seconds(meanTime);
        return seconds(interval) / (mean * Math.exp(seconds(restart) / mean) * Math.expm1((seconds(interval) + seconds(cost)) / mean));
    }

    private static double seconds(Duration time) {
        return time.toNanos() / 1e9;
    }

    private static Duration ofSeconds(double seconds) {
        return Duration.ofNanos(Math.max(0, Math.round(seconds * 1e9)));
    }
}
