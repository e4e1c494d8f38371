package dev.ferry.scheduling.pass;

import java.util.Arrays;

/** What a pass decided for one waiting job. */
public sealed interface Verdict {
    WaitingJob job();

    /** It starts now. */
    record Start(WaitingJob job, int[] nodes) implements Verdict {
        @Override
        public boolean equals(Object other) {
            return other instanceof Start start && job.equals(start.job) && Arrays.equals(nodes, start.nodes);
        }

        @Override
        public int hashCode() {
            return job.hashCode();
        }
    }

    /**
     * It is the first that has no room: nodes are kept for it.
     *
     * @param at when it starts at the latest, seconds; {@link WaitingJob#UNKNOWN} if that hangs on jobs of which nobody said how long they run, and then nothing is kept
     * @param nodes those that are kept
     * @param spare what is free of all nodes at that time beside it, and beside those that go ahead of it and are still there then; no part of what makes verdicts equal
     */
    record Reserved(WaitingJob job, long at, int[] nodes, Room spare) implements Verdict {
        @Override
        public boolean equals(Object other) {
            return other instanceof Reserved reserved && job.equals(reserved.job) && at == reserved.at && Arrays.equals(nodes, reserved.nodes);
        }

        @Override
        public int hashCode() {
            return job.hashCode();
        }
    }

    /**
     * It waits: for room, or because the room that there is is kept.
     *
     * @param behind id of the job that the room is kept for; 0 if there is no room at all
     */
    record Waits(WaitingJob job, long behind) implements Verdict {}
}
