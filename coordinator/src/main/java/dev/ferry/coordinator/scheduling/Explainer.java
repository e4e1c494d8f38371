package dev.ferry.coordinator.scheduling;

import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.accounts.Metering;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Explanation;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobVerdict;
import dev.ferry.proto.v1.PassInput;
import dev.ferry.proto.v1.PassOutput;
import dev.ferry.proto.v1.PassWaiting;
import dev.ferry.proto.v1.PreemptionVerdict;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/** Says of one job why it waits, for whom, until when at the latest, and what would have to give: from the same decision that the next look at the queue would make. */
final class Explainer {
    private static final long MILLIS = 1000;

    private Explainer() {}

    /**
     * @param seen whether whoever asks may know of a job
     */
    static Explanation explain(Transaction state, SchedulingConfig config, Job job, Predicate<Job> seen) {
        Explanation.Builder said = Explanation.newBuilder().setJob(job.getId()).setUse(Metering.use(state, job.getId()));
        if (!Queue.waits(job)) {
            return said.setWhy(notWaiting(job)).build();
        }
        PassInput input = PassReader.read(state, config);
        PassOutput output = PassDecider.decide(input);
        List<PassWaiting> queue = input.getWaitingList().stream().sorted(Comparator.comparingLong(PassWaiting::getPriority).reversed().thenComparingLong(PassWaiting::getSince)).toList();
        for (int at = 0; at < queue.size(); at++) {
            if (queue.get(at).getJob().equals(job.getId())) {
                said.setPosition(at + 1).setPriority(queue.get(at).getPriority()).setPoints(queue.get(at).getPoints());
            }
        }
        Optional<JobVerdict> verdict = output.getVerdictsList().stream().filter(one -> one.getJob().equals(job.getId())).findFirst();
        verdict.ifPresent(one -> said.setWhy(why(job, one)).setBehind(state.job(one.getBehind()).filter(seen).map(Job::getId).orElse("")).setLatestStart(one.getAt() * MILLIS).setNode(one.getNode()));
        Optional<PreemptionVerdict> preemption = output.getPreemptionsList().stream().filter(one -> one.getJob().equals(job.getId())).findFirst();
        if (preemption.isPresent() && preemption.get().getPreempts()) {
            said.setNode(preemption.get().getNode());
            preemption.get().getVictimsList().forEach(victim -> said.addHoldersBuilder().setJob(victim.getJob()).setWhy(victim.getTo().isEmpty() ? "it makes room at the next look" : "it is moved to " + victim.getTo() + " at the next look"));
        } else if (preemption.isPresent()) {
            said.setNoPreemption(preemption.get().getWhy()).addAllHolders(preemption.get().getRejectedList());
        } else if (!config.preemption()) {
            said.setNoPreemption("scheduling.preemption is off");
        }
        return said.build();
    }

    private static String notWaiting(Job job) {
        String operation = job.getOperation().isEmpty() ? "" : ", operation " + job.getOperation() + " is at work on it";
        return "it does not wait: it is " + JobStates.name(job.getState()) + operation + (job.getReason().isEmpty() ? "" : " (" + job.getReason() + ")");
    }

    private static String why(Job job, JobVerdict verdict) {
        return switch (verdict.getKind()) {
            case STARTS -> "it starts on " + verdict.getNode() + " at the next look";
            case NODE_IS_KEPT -> "there is no room for it now; node " + verdict.getNode() + " is kept for it";
            case NO_ROOM -> job.getReason().isEmpty() ? "there is no room for it" : job.getReason();
            case ROOM_IS_ANOTHERS -> "the room that there is is kept for a job before it in the queue";
            case HELD -> verdict.getWhy();
            case ROOM_IS_MADE -> "room is being made for it on " + job.getQueue().getClaim().getNode() + " by decision " + job.getQueue().getClaim().getDecision();
            case KIND_UNSPECIFIED, UNRECOGNIZED -> throw new IllegalArgumentException("a verdict on " + job.getId() + " without a kind");
        };
    }
}
