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
     * Marks as many as fit into their dues together, by priority.
     *
     * @param balance as it stands before any of them starts
     * @param size of a job in what dues are counted in; jobs of size 0 are left as they are
     */
    public static List<WaitingJob> mark(List<WaitingJob> queue, Balance balance, ToDoubleFunction<WaitingJob> size) {
        double[] holds = balance.holds().clone();
        List<WaitingJob> marked = new ArrayList<>(queue);
        marked.sort(SchedulingPass.ORDER);
        marked.replaceAll(
                job -> {
                    double wants = size.applyAsDouble(job);
                    if (wants <= 0 || holds[job.account()] + wants > balance.due()[job.account()] + Balance.NOTHING) {
                        return job;
                    }
                    holds[job.account()] += wants;
                    return job.asDue();
                });
        return marked;
    }
}
