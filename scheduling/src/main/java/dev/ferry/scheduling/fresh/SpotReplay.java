package dev.ferry.scheduling.fresh;

import java.time.Duration;
import java.util.List;

/**
 * What becomes of one job's time on machines that are taken away, one after the other: how much of it is work that counts. Images are made in a
 * fixed rhythm; one counts from when it is whole in the store, not from its freeze.
 */
public final class SpotReplay {
    private SpotReplay() {}

    /**
     * What is played.
     *
     * @param cost how long the job stands still for an image
     * @param restart from the end of a machine until the job works again
     * @param changedBytesPerSecond how fast the job makes what is not in its last image
     * @param stateBytes how much there is at most
     * @param notice how long before its end a machine is told; zero: it is not
     * @param margin how long before its end the last image must be whole
     */
    public record Terms(Duration cost, Duration restart, double changedBytesPerSecond, double stateBytes, double linkBytesPerSecond, Duration notice, Duration margin) {
        double sendSeconds(double workedSeconds) {
            return Math.min(stateBytes, changedBytesPerSecond * workedSeconds) / linkBytesPerSecond;
        }
    }

    /**
     * Where the time went, in seconds.
     *
     * @param useful work that counts
     * @param frozen for images
     * @param lost work that was done again
     * @param restarting between machines
     * @param saved how many ends of machines cost no work
     */
    public record Spent(double useful, double frozen, double lost, double restarting, int saved) {
        /** The share of the work that counts in all the time. */
        public double share() {
            return useful / (useful + frozen + lost + restarting);
        }
    }

    /**
     * Plays a job over the lives of machines.
     *
     * @param interval from the end of one image to the begin of the next
     */
    public static Spent run(List<Duration> lives, Duration interval, Terms terms) {
        double tau = seconds(interval);
        double delta = seconds(terms.cost());
        double useful = 0;
        double frozen = 0;
        double lost = 0;
        double restarting = 0;
        int saved = 0;
        for (Duration life : lives) {
            double left = seconds(life) - seconds(terms.restart());
            restarting += Math.min(seconds(life), seconds(terms.restart()));
            if (left <= 0) {
                continue;
            }
            double usable = seconds(terms.notice()) - seconds(terms.margin());
            long rounds = (long) Math.floor(left / (tau + delta));
            double rest = left - rounds * (tau + delta);
            double worked = Math.min(rest, tau);
            // The last image of a full round may still be on its way when the machine ends.
            double sending = terms.sendSeconds(tau);
            boolean lastIsWhole = rounds == 0 || rest >= sending;
            double unsaved = worked + (lastIsWhole ? 0 : tau);
            boolean escapes = usable > 0 && delta + terms.sendSeconds(unsaved) <= usable;
            frozen += rounds * delta + (rest - worked);
            useful += rounds * tau + worked;
            if (escapes) {
                double last = Math.min(delta, worked);
                frozen += last;
                useful -= last;
                saved++;
            } else {
                useful -= unsaved;
                lost += unsaved;
            }
        }
        return new Spent(useful, frozen, lost, restarting, saved);
    }

    private static double seconds(Duration time) {
        return time.toNanos() / 1e9;
    }
}
