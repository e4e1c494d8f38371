package dev.ferry.scheduling.preempt;

import dev.ferry.scheduling.pass.RunningJob;
import java.util.List;

/**
 * What each account holds and is due, by position; all that a decision knows of shares.
 *
 * @param due by position, from {@link Deserved}
 * @param holds by position, of running jobs of the position itself
 * @param inGpus whether sizes are GPUs, else CPUs
 * @param capacity size of the cluster
 */
public record Balance(double[] due, double[] holds, boolean inGpus, double capacity) {
    /** Sums of fractions are compared with this much room. */
    static final double NOTHING = 1e-6;

    /** Holdings by adding up jobs. */
    public static Balance of(double[] due, List<RunningJob> running, boolean inGpus, double capacity) {
        double[] holds = new double[due.length];
        running.forEach(job -> holds[job.account()] += job.demand().size(inGpus));
        return new Balance(due, holds, inGpus, capacity);
    }

    /** Whether an account still has no more than its due with so much more. */
    boolean isDue(int account, double more) {
        return holds[account] + more <= due[account] + NOTHING;
    }

    /** Whether an account keeps its due when so much is taken. */
    boolean keepsDue(int account, double less) {
        return holds[account] - less >= due[account] - NOTHING;
    }

    /**
     * How far all accounts together are below their dues: the potential that forbids circles. A preemption lowers it by the size of the job that gets room, since that stays within its account's due
     * and the victims' accounts keep theirs; a start in free room never raises it. So, while dues stay as they are, there are at most as many preemptions as it holds jobs, whatever starts in between.
     */
    public double lack() {
        double sum = 0;
        for (int account = 0; account < due.length; account++) {
            sum += lack(account);
        }
        return sum;
    }

    /** What one account lacks of its due. */
    public double lack(int account) {
        return Math.max(0, due[account] - holds[account]);
    }
}
