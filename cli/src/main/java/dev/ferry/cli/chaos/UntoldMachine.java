package dev.ferry.cli.chaos;

import java.util.List;
import java.util.Locale;

/**
 * What became of the jobs of one machine that was taken away without a notice.
 *
 * @param losses of each of its jobs
 * @param millis until all ran again
 * @param violations what must never be; empty in a good round
 */
public record UntoldMachine(int number, String node, List<Loss> losses, long millis, List<String> violations) {
    /**
     * What one job lost.
     *
     * @param lostMillis how long it had been at what it did again, the freezes among it
     * @param intervalMillis from one image of it to the next
     * @param imageMillis its slowest image, or the one that was cut off
     * @param othersMillis the same of the other jobs of its machine, for each of which it may have waited
     */
    public record Loss(String job, long lostMillis, long intervalMillis, long imageMillis, long othersMillis) {
        /** How often the coordinator looks whether an image is due, in milliseconds. */
        private static final long LOOK = 1000;

        /** Whether that is more than its interval and an image of its own. */
        public boolean isOver() {
            return lostMillis > intervalMillis + imageMillis + LOOK;
        }

        /** Whether that is more than is explained by its turn coming after others'. */
        public boolean isUnexplained() {
            return lostMillis > intervalMillis + imageMillis + othersMillis + LOOK;
        }
    }

    public UntoldMachine {
        losses = List.copyOf(losses);
        violations = List.copyOf(violations);
    }

    String line() {
        String lost = losses.isEmpty() ? "no job was there" : losses.stream().map(loss -> String.format(Locale.ROOT, "%s lost %.1f s of at most %.1f + %.1f s", loss.job(), loss.lostMillis() / 1e3, loss.intervalMillis() / 1e3, loss.imageMillis() / 1e3)).reduce((one, other) -> one + ", " + other).orElseThrow();
        String line = String.format(Locale.ROOT, "%3d  %s untold: %s; all well after %.1f s", number, node, lost, millis / 1e3);
        return violations.isEmpty() ? line : line + "  VIOLATION " + violations;
    }
}
