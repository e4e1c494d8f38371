package dev.ferry.scheduling.preempt;

import dev.ferry.scheduling.pass.Demand;
import dev.ferry.scheduling.pass.Room;
import dev.ferry.scheduling.pass.RunningJob;
import dev.ferry.scheduling.pass.WaitingJob;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Chooses who gives room to a waiting job whose account has less than its due.
 *
 * <p>A victim's account keeps its due; the taker's does not get more than its due. So each preemption lowers {@link Balance#lack}, and there is no circle. Of those that may be taken the
 * cheapest are: cost is size times the seconds that moving takes, times the square of one more than the hits so far, so that no job pays for all.
 *
 * <p>A function of its arguments: the same give the same decision, ties go by job id.
 */
public final class Preemption {
    private static final long HOUR = 3600;

    private final WaitingJob job;
    private final Room room;
    private final Balance balance;
    private final PreemptionPolicy policy;
    private final long now;
    private final Map<Integer, List<RunningJob>> byNode = new HashMap<>();
    private final Set<RunningJob> victims = new LinkedHashSet<>();
    private final Map<Integer, Double> taken = new HashMap<>();

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
        return new Preemption(job, room, balance, policy, now).decide(running, spent);
    }

    private Decision decide(List<RunningJob> running, Spent spent) {
        double size = job.demand().size(balance.inGpus());
        double lacks = balance.due()[job.account()] - balance.holds()[job.account()];
        if (size <= 0 || !balance.isDue(job.account(), size)) {
            return new Decision.Keep(job, Decision.Why.NOT_DUE);
        }
        if (lacks < policy.hysteresis() * balance.due()[job.account()]) {
            return new Decision.Keep(job, Decision.Why.LACKS_LITTLE);
        }
        if (now - job.since() < policy.delay()) {
            return new Decision.Keep(job, Decision.Why.TOO_SOON);
        }
        for (RunningJob one : running) {
            if (isAllowed(one)) {
                for (int node : one.nodes()) {
                    byNode.computeIfAbsent(node, none -> new ArrayList<>()).add(one);
                }
            }
        }
        byNode.values().forEach(jobs -> jobs.sort(Comparator.comparingDouble(this::costPerSize).thenComparingLong(RunningJob::id)));
        int[] nodes = chooseNodes();
        if (nodes.length == 0) {
            return new Decision.Keep(job, Decision.Why.NO_VICTIMS);
        }
        spareTheNeedless(nodes);
        if (victims.isEmpty()) {
            return new Decision.Keep(job, Decision.Why.HAS_ROOM);
        }
        double cost = victims.stream().mapToDouble(this::cost).sum();
        double moving = victims.stream().mapToDouble(this::moving).sum();
        double gives = size * Math.min(policy.horizon(), job.seconds());
        if (cost > policy.worth() * gives) {
            return new Decision.Keep(job, Decision.Why.TOO_DEAR);
        }
        boolean tooMany = spent.preemptions() > policy.mostPerHour() - victims.size();
        if (tooMany || spent.moving() + moving > policy.mostMoving() * balance.capacity() * HOUR) {
            return new Decision.Keep(job, Decision.Why.OVER_BUDGET);
        }
        return new Decision.Preempt(job, new ArrayList<>(victims), nodes, cost);
    }

    private boolean isAllowed(RunningJob one) {
        return guard(one, job, balance, policy, now).isEmpty();
    }

    /** Guards that concern one job alone. */
    private static Optional<Refusal> guard(RunningJob one, WaitingJob job, Balance balance, PreemptionPolicy policy, long now) {
        if (!one.movable()) {
            return Optional.of(Refusal.CAN_NOT_MOVE);
        }
        if (one.account() == job.account()) {
            return Optional.of(Refusal.SAME_ACCOUNT);
        }
        if (one.demand().size(balance.inGpus()) <= 0) {
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
        boolean belowDue = !balance.keepsDue(one.account(), one.demand().size(balance.inGpus()));
        return guard.isPresent() || !belowDue ? guard : Optional.of(Refusal.BELOW_DUE);
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

    private double cost(RunningJob one) {
        return moving(one) * (1 + one.hits()) * (1 + one.hits());
    }

    /** Those hit less go first even if moving costs nothing. */
    private double costPerSize(RunningJob one) {
        return (one.moveSeconds() + 1) * (1 + one.hits()) * (1 + one.hits());
    }

    private record Candidate(int node, double cost) {}

    private int[] chooseNodes() {
        List<Candidate> candidates = new ArrayList<>();
        for (int node = 0; node < room.nodes(); node++) {
            List<RunningJob> needed = needed(node);
            if (needed != null) {
                candidates.add(new Candidate(node, needed.stream().mapToDouble(this::cost).sum()));
            }
        }
        candidates.sort(Comparator.comparingDouble(Candidate::cost).thenComparingInt(Candidate::node));
        int[] nodes = new int[job.demand().nodes()];
        int count = 0;
        for (Candidate candidate : candidates) {
            // Anew: what was taken since may have freed this node too, or used up what an account can give.
            List<RunningJob> needed = needed(candidate.node());
            if (needed == null) {
                continue;
            }
            needed.forEach(this::take);
            nodes[count++] = candidate.node();
            if (count == nodes.length) {
                return nodes;
            }
        }
        return new int[0];
    }

    private void take(RunningJob victim) {
        victims.add(victim);
        taken.merge(victim.account(), victim.demand().size(balance.inGpus()), Double::sum);
    }

    private void spare(RunningJob victim) {
        victims.remove(victim);
        taken.merge(victim.account(), -victim.demand().size(balance.inGpus()), Double::sum);
    }

    /** The cheapest jobs that must go from a node besides those that go already; null if it can't be freed. */
    private @Nullable List<RunningJob> needed(int node) {
        List<RunningJob> more = new ArrayList<>();
        if (fits(node, more)) {
            return more;
        }
        Map<Integer, Double> giving = new HashMap<>();
        for (RunningJob one : byNode.getOrDefault(node, List.of())) {
            double gives = giving.getOrDefault(one.account(), 0.0) + one.demand().size(balance.inGpus());
            if (victims.contains(one) || !balance.keepsDue(one.account(), taken.getOrDefault(one.account(), 0.0) + gives)) {
                continue;
            }
            giving.put(one.account(), gives);
            more.add(one);
            if (fits(node, more)) {
                return more;
            }
        }
        return null;
    }

    private boolean fits(int node, List<RunningJob> more) {
        Demand demand = job.demand();
        long cpu = room.cpuMillis(node);
        long memory = room.memory(node);
        int gpus = room.gpus(node);
        for (RunningJob one : byNode.getOrDefault(node, List.of())) {
            if (victims.contains(one) || more.contains(one)) {
                cpu += one.demand().cpuMillis();
                memory += one.demand().memory();
                gpus += one.demand().gpus();
            }
        }
        return cpu >= demand.cpuMillis() && memory >= demand.memory() && gpus >= demand.gpus() && room.hasLabels(node, demand);
    }

    /** Takes back the dearest victims without whom there is room all the same. */
    private void spareTheNeedless(int[] nodes) {
        List<RunningJob> dearest = new ArrayList<>(victims);
        dearest.sort(Comparator.comparingDouble(this::cost).reversed().thenComparingLong(RunningJob::id));
        for (RunningJob one : dearest) {
            spare(one);
            for (int node : nodes) {
                if (!fits(node, List.of())) {
                    take(one);
                    break;
                }
            }
        }
    }
}
