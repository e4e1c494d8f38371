package dev.ferry.scheduling.preempt;

import dev.ferry.scheduling.pass.Room;
import dev.ferry.scheduling.pass.RunningJob;
import dev.ferry.scheduling.pass.WaitingJob;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Chooses who gives room to a waiting job whose account has less than its due.
 *
 * <p>A victim's account keeps its due; the taker's does not get more than its due; a job that is moved to another node is still held by its account. So each decision lowers {@link Balance#lack} by the size
 * of the taker, and there is no circle. Of those that may be taken the cheapest are: cost is size times the seconds that moving takes, and so much for each interruption, times the square of one more than
 * the hits that still count, so that no job pays for all.
 *
 * <p>A function of its arguments: the same give the same decision, ties go by job id.
 */
public final class Preemption {
    private static final long HOUR = 3600;

    /** In each horizon, the time for which a job would wait comes to count so many times more often. */
    private static final double TIMES_AN_HORIZON = 3;

    private final WaitingJob job;
    private final Room room;
    private final Balance balance;
    private final PreemptionPolicy policy;
    private final long now;

    private Preemption(WaitingJob job, Room room, Balance balance, PreemptionPolicy policy, long now) {
        this.job = job;
        this.room = room;
        this.balance = balance;
        this.policy = policy;
        this.now = now;
    }

    /**
     * @param room what is free now
     * @param running jobs that hold room
     */
    public static Decision decide(WaitingJob job, Room room, List<RunningJob> running, Balance balance, PreemptionPolicy policy, Spent spent, long now) {
        return decide(job, room, running, balance, policy, spent, now, Set.of(), Set.of());
    }

    /**
     * The same, where some room is spoken for.
     *
     * @param kept nodes that are kept for a job before it: nobody is moved there
     * @param barred those of them that nobody leaves for this one, since it would put off the job before it
     */
    public static Decision decide(WaitingJob job, Room room, List<RunningJob> running, Balance balance, PreemptionPolicy policy, Spent spent, long now, Set<Integer> kept, Set<Integer> barred) {
        return new Preemption(job, room, balance, policy, now).decide(running, spent, kept, barred);
    }

    /** What is decided whoever runs, if that is enough. */
    public static Optional<Decision.Keep> early(WaitingJob job, Balance balance, PreemptionPolicy policy, long now) {
        double size = job.demand().size(balance.inGpus());
        double lacks = balance.due()[job.account()] - balance.holds()[job.account()];
        if (size <= 0 || !balance.isDue(job.account(), size)) {
            return Optional.of(new Decision.Keep(job, Decision.Why.NOT_DUE));
        }
        if (lacks < policy.hysteresis() * balance.due()[job.account()]) {
            return Optional.of(new Decision.Keep(job, Decision.Why.LACKS_LITTLE));
        }
        return now - job.since() < policy.delay() ? Optional.of(new Decision.Keep(job, Decision.Why.TOO_SOON)) : Optional.empty();
    }

    private Decision decide(List<RunningJob> running, Spent spent, Set<Integer> kept, Set<Integer> barred) {
        Optional<Decision.Keep> early = early(job, balance, policy, now);
        if (early.isPresent()) {
            return early.get();
        }
        double size = job.demand().size(balance.inGpus());
        RoomMaker maker =
                new RoomMaker(
                        job,
                        room,
                        running.stream().filter(this::isAllowed).toList(),
                        balance,
                        policy.moves(),
                        kept,
                        barred,
                        Comparator.comparingDouble((RunningJob one) -> costPerSize(one, size)).thenComparingLong(RunningJob::id),
                        one -> cost(one, size));
        int[] nodes = maker.choose();
        if (nodes.length == 0) {
            return new Decision.Keep(job, Decision.Why.NO_VICTIMS);
        }
        List<RunningJob> victims = maker.victims();
        List<Decision.Move> moves = maker.moves();
        if (victims.isEmpty() && moves.isEmpty()) {
            return new Decision.Keep(job, Decision.Why.HAS_ROOM);
        }
        List<RunningJob> hit = new ArrayList<>(victims);
        moves.forEach(move -> hit.add(move.job()));
        double cost = hit.stream().mapToDouble(one -> cost(one, size)).sum();
        if (isTooDear(hit, size, cost, running)) {
            return new Decision.Keep(job, Decision.Why.TOO_DEAR);
        }
        boolean tooMany = spent.preemptions() > policy.mostPerHour() - hit.size();
        if (tooMany || spent.moving() + hit.stream().mapToDouble(this::moving).sum() > policy.mostMoving() * balance.capacity() * HOUR) {
            return new Decision.Keep(job, Decision.Why.OVER_BUDGET);
        }
        return new Decision.Preempt(job, victims, moves, nodes, cost);
    }

    /**
     * Whether moving costs too much of the time for which the taker runs, or all of it too much of the time that it would wait for otherwise. With ageing, what it has waited counts too: a
     * job that has waited for long has let others go before it for whom room was foreseen as well, so that it is believed less and less that it will be different this time.
     */
    private boolean isTooDear(List<RunningJob> hit, double size, double cost, List<RunningJob> running) {
        double moved = hit.stream().mapToDouble(one -> often(one, moving(one))).sum();
        long waited = policy.ageing() ? now - job.since() : 0;
        // A part of the waiting is enough here: it is little that a short job gets.
        double runs = Math.min(policy.horizon(), Math.min(policy.horizon(), job.seconds()) + waited / PreemptionPolicy.PATIENCE);
        if (moved > policy.worth() * size * runs) {
            return true;
        }
        // What did not come true in all that time is not believed any longer, and who has waited for so long disturbs whom he must.
        boolean believed = policy.foresight() && now - job.since() < policy.patience();
        double again = 1 + waited / (policy.horizon() / TIMES_AN_HORIZON);
        return believed && cost > policy.worth() * size * again * Foresight.of(job.demand(), room, running, now, policy.horizon());
    }

    private boolean isAllowed(RunningJob one) {
        return guard(one, job, balance, policy, now).isEmpty();
    }

    /** Guards that concern one job alone. */
    private static Optional<Refusal> guard(RunningJob one, WaitingJob job, Balance balance, PreemptionPolicy policy, long now) {
        if (!one.movable()) {
            return Optional.of(Refusal.CAN_NOT_MOVE);
        }
        // It can't give room to its like; but it may be moved.
        if (one.account() == job.account() && !policy.moves()) {
            return Optional.of(Refusal.SAME_ACCOUNT);
        }
        if (one.freed().size(balance.inGpus()) <= 0) {
            return Optional.of(Refusal.HOLDS_NOTHING);
        }
        if (now - one.since() < policy.minimumRun()) {
            return Optional.of(Refusal.JUST_STARTED);
        }
        if (one.hits() > 0 && now - one.lastHit() < policy.spacing()) {
            return Optional.of(Refusal.HIT_LATELY);
        }
        // Waiting is cheaper.
        return one.ends() - now > one.moveSeconds() ? Optional.empty() : Optional.of(Refusal.NEARLY_DONE);
    }

    /** Why a running job does not give room to a waiting one, looked at alone; empty: it might. */
    public static Optional<Refusal> refusal(RunningJob one, WaitingJob job, Balance balance, PreemptionPolicy policy, long now) {
        Optional<Refusal> guard = guard(one, job, balance, policy, now);
        if (guard.isPresent()) {
            return guard;
        }
        if (one.account() == job.account()) {
            return Optional.of(Refusal.SAME_ACCOUNT);
        }
        return balance.keepsDue(one.account(), one.demand().size(balance.inGpus())) ? Optional.empty() : Optional.of(Refusal.BELOW_DUE);
    }

    /** Why a running job is left where it is. */
    public enum Refusal {
        CAN_NOT_MOVE("it can't be moved now"),
        SAME_ACCOUNT("it is of the same account"),
        HOLDS_NOTHING("it holds nothing of what is lacking"),
        JUST_STARTED("it has not run for the minimum time since it was started or brought back"),
        HIT_LATELY("it was preempted a short time ago"),
        NEARLY_DONE("it will have ended before it could be back"),
        BELOW_DUE("its account would hold less than is due to it");

        private final String words;

        Refusal(String words) {
            this.words = words;
        }

        /** For people. */
        public String words() {
            return words;
        }
    }

    private double moving(RunningJob one) {
        return one.demand().size(balance.inGpus()) * one.moveSeconds();
    }

    /** In this order, in which earlier records were rounded. */
    private double often(RunningJob one, double cost) {
        double hits = one.hits();
        if (policy.ageing()) {
            hits *= Math.clamp(1 - (double) (now - one.lastHit()) / PreemptionPolicy.HITS_COUNT_FOR, 0, 1);
        }
        return cost * (1 + hits) * (1 + hits);
    }

    private double cost(RunningJob one, double wanted) {
        return often(one, moving(one) + policy.interruption() * Math.min(1, wanted));
    }

    /** By what it gives of what is wanted. Those hit less go first even if moving costs nothing. */
    private double costPerSize(RunningJob one, double wanted) {
        double interruption = policy.interruption() * Math.min(1, wanted) / Math.min(wanted, one.freed().size(balance.inGpus()));
        return often(one, one.moveSeconds() + 1 + interruption);
    }
}
