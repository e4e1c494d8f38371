package dev.ferry.scheduling.simulate;

import dev.ferry.scheduling.pass.Room;
import dev.ferry.scheduling.pass.RunningJob;
import dev.ferry.scheduling.pass.WaitingJob;
import dev.ferry.scheduling.preempt.Balance;
import dev.ferry.scheduling.preempt.Decision;
import dev.ferry.scheduling.preempt.Preemption;
import dev.ferry.scheduling.preempt.PreemptionPolicy;
import dev.ferry.scheduling.preempt.Spent;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Why room that is due is not made, found by deciding again with one guard after the other taken away: the first without which room would be made is the cause. Where even then there is none, it is looked
 * at what is free, and what accounts hold above their dues.
 */
record Causes(Room room, List<RunningJob> running, Balance balance, @Nullable PreemptionPolicy policy, Spent spent, long now) {
    private static final double NOTHING = 1e-6;

    UnmetCause of(WaitingJob job) {
        if (policy == null) {
            return UnmetCause.NO_PREEMPTION;
        }
        return switch (Preemption.decide(job, room, running, balance, policy, spent, now)) {
            case Decision.Preempt _ -> UnmetCause.NEXT;
            case Decision.Keep keep -> switch (keep.why()) {
                case NOT_DUE, LACKS_LITTLE -> UnmetCause.HYSTERESIS;
                case TOO_SOON -> UnmetCause.DELAY;
                case HAS_ROOM -> UnmetCause.KEPT;
                case TOO_DEAR -> UnmetCause.NOT_WORTH;
                case OVER_BUDGET -> UnmetCause.BUDGET;
                case NO_VICTIMS -> noVictims(job, policy);
            };
        };
    }

    private UnmetCause noVictims(WaitingJob job, PreemptionPolicy guards) {
        if (isMade(job, running, guards.withRests(0, guards.spacing()))) {
            return UnmetCause.MINIMUM_RUN;
        }
        if (isMade(job, running, guards.withRests(0, 0))) {
            return UnmetCause.SPACING;
        }
        if (isMade(job, running.stream().map(Causes::endless).toList(), guards.withRests(0, 0))) {
            return UnmetCause.NEARLY_DONE;
        }
        double size = job.demand().size(balance.inGpus());
        double room = free();
        double jobs = 0;
        double parts = 0;
        for (int account = 0; account < balance.due().length; account++) {
            double above = account == job.account() ? 0 : Math.max(0, balance.holds()[account] - balance.due()[account]);
            parts += above;
            jobs += whole(account, above);
        }
        if (room + jobs >= size - NOTHING) {
            return UnmetCause.PIECES;
        }
        return room + parts >= size - NOTHING ? UnmetCause.WHOLE_JOBS : UnmetCause.TOO_LITTLE;
    }

    private static RunningJob endless(RunningJob job) {
        return job.endsAt(WaitingJob.UNKNOWN);
    }

    private boolean isMade(WaitingJob job, List<RunningJob> among, PreemptionPolicy guards) {
        Decision decision = Preemption.decide(job, room, among, balance, guards, Spent.NOTHING, now);
        return !(decision instanceof Decision.Keep keep && keep.why() == Decision.Why.NO_VICTIMS);
    }

    private double free() {
        double free = 0;
        for (int node = 0; node < room.nodes(); node++) {
            free += balance.inGpus() ? room.gpus(node) : room.cpuMillis(node) / 1000.0;
        }
        return free;
    }

    /** The most that whole jobs of an account can give of what it holds above its due, the largest first. */
    private double whole(int account, double above) {
        double given = 0;
        for (RunningJob one : running.stream().filter(job -> job.account() == account).sorted(Comparator.comparingDouble((RunningJob job) -> job.demand().size(balance.inGpus())).reversed()).toList()) {
            double size = one.demand().size(balance.inGpus());
            given += given + size <= above + NOTHING ? size : 0;
        }
        return given;
    }
}
