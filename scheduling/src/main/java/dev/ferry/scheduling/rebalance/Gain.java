package dev.ferry.scheduling.rebalance;

import dev.ferry.scheduling.pass.RunningJob;
import dev.ferry.scheduling.pass.WaitingJob;
import java.util.List;

/**
 * Room for one job that waits, and what it takes.
 *
 * @param node where it will fit
 * @param moves that are all needed for it, in the order in which they may be made
 */
public record Gain(WaitingJob job, int node, List<Move> moves) {
    /** A running job that goes to another node. */
    public record Move(RunningJob job, int to) {}

    public Gain {
        moves = List.copyOf(moves);
    }

    /** Seconds for which the jobs that are moved stand still, all together. */
    public double seconds() {
        return moves.stream().mapToDouble(move -> move.job().moveSeconds()).sum();
    }

    /** What the moves cost: seconds by the size of whoever stands still. */
    double cost(boolean inGpus) {
        return moves.stream().mapToDouble(move -> move.job().moveSeconds() * move.job().demand().size(inGpus)).sum();
    }
}
