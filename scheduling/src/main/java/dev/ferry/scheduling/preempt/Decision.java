package dev.ferry.scheduling.preempt;

import dev.ferry.scheduling.pass.RunningJob;
import dev.ferry.scheduling.pass.WaitingJob;
import java.util.Arrays;
import java.util.List;

/** Whether, and if so which, running jobs give room to a waiting one. */
public sealed interface Decision {
    WaitingJob job();

    /**
     * These give it room.
     *
     * @param moves of those that leave its nodes and go on elsewhere
     * @param nodes where the job will run
     * @param cost size times seconds that are lost to moving, weighted by how often the victims were hit
     */
    record Preempt(WaitingJob job, List<RunningJob> victims, List<Move> moves, int[] nodes, double cost) implements Decision {
        public Preempt {
            victims = List.copyOf(victims);
            moves = List.copyOf(moves);
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Preempt preempt && job.equals(preempt.job) && victims.equals(preempt.victims) && moves.equals(preempt.moves) && Arrays.equals(nodes, preempt.nodes) && cost == preempt.cost;
        }

        @Override
        public int hashCode() {
            return job.hashCode();
        }
    }

    /** A running job that goes to another node, where there is room for it now. */
    record Move(RunningJob job, int to) {}

    /** Nobody does. */
    record Keep(WaitingJob job, Why why) implements Decision {}

    /** Why a waiting job takes room from nobody. */
    enum Why {
        /** Its account would have more than its due. */
        NOT_DUE("its account would hold more than its due"),
        /** What its account lacks is too little to disturb others. */
        LACKS_LITTLE("what its account lacks of its due is below the hysteresis"),
        TOO_SOON("it has not waited for the delay"),
        /** It fits: the room is kept for a job before it, and nobody needs to go. */
        HAS_ROOM("there is room for it, which is kept for a job before it in the queue"),
        /** No set of jobs that may be taken makes enough room. */
        NO_VICTIMS("no running jobs that may be moved hold enough room above the dues of their accounts"),
        TOO_DEAR("moving the victims costs more than it gives"),
        OVER_BUDGET("the budget of this hour is spent");

        private final String words;

        Why(String words) {
            this.words = words;
        }

        /** For people. */
        public String words() {
            return words;
        }
    }
}
