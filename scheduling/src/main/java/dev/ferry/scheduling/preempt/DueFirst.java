package dev.ferry.scheduling.preempt;

import dev.ferry.scheduling.pass.SchedulingPass;
import dev.ferry.scheduling.pass.WaitingJob;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * Lets jobs with which their accounts stay within their dues go before those with which they don't. Otherwise room that becomes free would be given by priority, which remembers use of days ago, to accounts
 * that hold more than their dues, and would be taken from them again for those that lack.
 */
public final class DueFirst {
    private DueFirst() {}

    /**
     * Marks as many as fit into their dues together, by priority. One that does not fit is passed over for smaller ones of its account, but not for ever: when it has waited for the time that is given it is marked as long as its account lacks
     * anything at all. So it comes to the head of the queue, where room is kept for it.
     *
     * @param balance as it stands before any of them starts
     * @param size of a job in what dues are counted in; jobs of size 0 are left as they are
     * @param patience seconds for which a large job lets smaller ones of its account go first
     */
    public static List<WaitingJob> mark(List<WaitingJob> queue, Balance balance, ToDoubleFunction<WaitingJob> size, long now, long patience) {
        double[] holds = balance.holds().clone();
        double[] due = balance.due();
        List<WaitingJob> marked = new ArrayList<>(queue);
        marked.sort(SchedulingPass.ORDER);
        marked.replaceAll(
                job -> {
                    double wants = size.applyAsDouble(job);
                    int account = job.account();
                    boolean fits = holds[account] + wants <= due[account] + Balance.NOTHING;
                    boolean hasWaited = now - job.since() >= patience && holds[account] < due[account] - Balance.NOTHING;
                    if (wants <= 0 || !fits && !hasWaited) {
                        return job;
                    }
                    holds[account] += fits ? wants : 0;
                    return job.asDue();
                });
        return marked;
    }
}
