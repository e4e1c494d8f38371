package dev.ferry.node.memory;

import java.time.Duration;
import java.util.List;

/**
 * When copying ahead has done what it can. Each round reads all memory and sends what no round before has sent: the
 * rest that a dump would find new is about what the last round did. Rounds end when the rest is small, when it no longer
 * shrinks, or when the budget is spent.
 *
 * @param most rounds at most
 * @param time in which no new round begins after it
 */
public record Rounds(int most, Duration time) {
    /** Of all chunks: a rest that is not worth another round. */
    private static final double SMALL = 0.01;
    /** A rest that did not shrink below this part of the one before does not shrink. */
    private static final double SHRINKS = 0.7;
    /** With so much of the memory new after the first round, the copy can't keep up with the job. */
    private static final double TOO_MUCH = 0.5;

    /**
     * What one round found.
     *
     * @param chunks of all memory, without zeros
     * @param fresh of these that were not known before the round
     */
    public record Round(long chunks, long fresh) {
        double rest() {
            return chunks == 0 ? 0 : (double) fresh / chunks;
        }
    }

    /** What follows a round. */
    public enum Verdict {
        AGAIN,
        ENOUGH,
        /** The job writes faster than it can be copied: a dump finds most of the memory new, whatever is done here. */
        TOO_FAST
    }

    public Verdict after(List<Round> done, Duration spent) {
        double rest = done.getLast().rest();
        if (rest <= SMALL) {
            return Verdict.ENOUGH;
        }
        boolean over = done.size() >= most || spent.compareTo(time) >= 0;
        if (done.size() == 1) {
            return over ? Verdict.ENOUGH : Verdict.AGAIN;
        }
        boolean shrinks = rest < SHRINKS * done.get(done.size() - 2).rest();
        if (shrinks && !over) {
            return Verdict.AGAIN;
        }
        return rest > TOO_MUCH ? Verdict.TOO_FAST : Verdict.ENOUGH;
    }
}
