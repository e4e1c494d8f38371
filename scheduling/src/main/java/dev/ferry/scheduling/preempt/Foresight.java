package dev.ferry.scheduling.preempt;

import dev.ferry.scheduling.pass.Demand;
import dev.ferry.scheduling.pass.Room;
import dev.ferry.scheduling.pass.RunningJob;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;

/** How long a job would wait if nobody were preempted for it: until enough of the running jobs have ended by their time limits. */
final class Foresight {
    private Foresight() {}

    /**
     * Looks ahead.
     *
     * @param room what is free now; it is not changed
     * @return seconds, the horizon if it would be longer or nobody knows
     */
    static long of(Demand demand, Room room, List<RunningJob> running, long now, long horizon) {
        List<RunningJob> ending = new ArrayList<>(running.stream().filter(job -> job.ends() - now < horizon).toList());
        ending.sort(Comparator.comparingLong(RunningJob::ends).thenComparingLong(RunningJob::id));
        Room later = room.copy();
        BitSet fitting = new BitSet();
        for (int node = 0; node < later.nodes(); node++) {
            fitting.set(node, later.fits(node, demand));
        }
        for (RunningJob job : ending) {
            later.give(job.nodes(), job.freed());
            for (int node : job.nodes()) {
                fitting.set(node, later.fits(node, demand));
            }
            if (fitting.cardinality() >= demand.nodes()) {
                return Math.max(0, job.ends() - now);
            }
        }
        return horizon;
    }
}
