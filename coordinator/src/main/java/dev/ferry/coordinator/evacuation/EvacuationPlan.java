package dev.ferry.coordinator.evacuation;

import java.time.Duration;
import java.util.List;

/** What becomes of each job of a machine that goes away, those that are saved first at the front. */
record EvacuationPlan(List<Move> moves) {
    /** How a job gets away. */
    sealed interface Way {
        /** It moves to another node, which has room for it. */
        record Migrate() implements Way {}

        /** It is stored, and goes on when there is room. */
        record Store() implements Way {}

        /** What it did since its last image is less than a new one would cost it: it stops and goes on from there. */
        record Covered(String image) implements Way {}

        /** It is not saved in time: it goes on from its last image, if it has one. */
        record WillNotMakeIt(String why) implements Way {}
    }

    /**
     * One job's part of the plan.
     *
     * @param starts from now, when its operation begins
     * @param ends from now, when its image is whole
     * @param underWay whether that operation has begun
     */
    record Move(JobAtStake job, Way way, Duration starts, Duration ends, boolean underWay) {
        boolean isSaved() {
            return way instanceof Way.Migrate || way instanceof Way.Store;
        }
    }

    /** What is saved, in CPU seconds. */
    double saved() {
        return moves.stream().filter(Move::isSaved).mapToDouble(move -> move.job().worth()).sum();
    }
}
