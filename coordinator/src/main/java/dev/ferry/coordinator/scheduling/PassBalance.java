package dev.ferry.coordinator.scheduling;

import dev.ferry.proto.v1.PassInput;
import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.pass.Demand;
import dev.ferry.scheduling.pass.RunningJob;
import dev.ferry.scheduling.pass.WaitingJob;
import dev.ferry.scheduling.preempt.Balance;
import dev.ferry.scheduling.preempt.Deserved;
import java.util.List;

/** What accounts hold and are due, in GPUs and in CPUs: a job without GPUs takes nothing of what jobs with GPUs are compared in, and the other way round. */
final class PassBalance {
    private final PassInput input;
    private final Balance gpus;
    private final Balance cpus;

    /**
     * @param running those that hold room, by their places in the input
     * @param holding waiting jobs that have got room
     * @param asking those that have not, and ask for it
     */
    PassBalance(PassInput input, AccountTree tree, List<RunningJob> running, List<WaitingJob> holding, List<WaitingJob> asking) {
        this.input = input;
        gpus = balance(tree, running, holding, asking, true, input.getGpus());
        cpus = balance(tree, running, holding, asking, false, input.getCpuMillis() / 1000.0);
    }

    private Balance balance(AccountTree tree, List<RunningJob> running, List<WaitingJob> holding, List<WaitingJob> asking, boolean inGpus, double capacity) {
        double[] held = new double[tree.size()];
        for (RunningJob job : running) {
            if (!input.getRunning((int) job.id()).getLeaving()) {
                held[job.account()] += size(job.demand(), inGpus);
            }
        }
        holding.forEach(job -> held[job.account()] += size(job.demand(), inGpus));
        double[] asked = held.clone();
        asking.forEach(job -> asked[job.account()] += size(job.demand(), inGpus));
        return new Balance(Deserved.of(tree, capacity, asked), held, inGpus, capacity);
    }

    static double size(Demand demand, boolean inGpus) {
        return inGpus == demand.gpus() > 0 ? demand.size(inGpus) : 0;
    }

    Balance of(boolean inGpus) {
        return inGpus ? gpus : cpus;
    }

    /** An account holds so much more, or less. */
    void holds(int account, Demand demand, int sign) {
        gpus.holds()[account] += sign * size(demand, true);
        cpus.holds()[account] += sign * size(demand, false);
    }
}
