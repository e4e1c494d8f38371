package dev.ferry.coordinator.scheduling;

import dev.ferry.proto.v1.PassInput;
import dev.ferry.proto.v1.PassNode;
import dev.ferry.proto.v1.PassPolicy;
import dev.ferry.proto.v1.PassQos;
import dev.ferry.proto.v1.PassRejected;
import dev.ferry.proto.v1.PassRunning;
import dev.ferry.proto.v1.PassVictim;
import dev.ferry.proto.v1.PassWaiting;
import dev.ferry.proto.v1.PreemptionVerdict;
import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.pass.Demand;
import dev.ferry.scheduling.pass.Room;
import dev.ferry.scheduling.pass.RunningJob;
import dev.ferry.scheduling.pass.Verdict;
import dev.ferry.scheduling.pass.WaitingJob;
import dev.ferry.scheduling.preempt.Balance;
import dev.ferry.scheduling.preempt.Decision;
import dev.ferry.scheduling.preempt.Hopeless;
import dev.ferry.scheduling.preempt.Preemption;
import dev.ferry.scheduling.preempt.PreemptionPolicy;
import dev.ferry.scheduling.preempt.Rung;
import dev.ferry.scheduling.preempt.Spent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * For whom of those that wait room is made: for jobs whose QoS preempts that of others, and for jobs whose accounts hold less than is due to them. Jobs with GPUs are compared in GPUs, others in CPUs.
 *
 * <p>A QoS is an order: neither dues nor delay nor hysteresis count, but the budget of an hour and the time for which a QoS exempts its jobs do. Shares never take from a job whose QoS preempts that of the
 * taker, so that what a QoS has taken is not taken back.
 */
final class PassPreemption {
    /** The rest is decided at the next look, when these are on their way. */
    private static final int MOST = 16;

    /** The rejected of so many jobs are told: those for whom room may be made soonest. */
    private static final int TOLD = 8;

    private static final int MOST_REJECTED = 100;

    private final PassInput input;
    private final AccountTree tree;
    private final Room room;
    private final List<RunningJob> running;
    private final List<WaitingJob> still;
    /** The first of those that wait, if nodes are kept for it. */
    private final Optional<Verdict.Reserved> first;
    private final Set<Integer> kept;
    private final PreemptionPolicy policy;
    private final Map<String, List<String>> preempts = new HashMap<>();
    private final PassBalance balances;
    private final Hopeless hopeless;
    /** MiB of GPU state that lies in main memory of each node, or will. */
    private final long[] parked;

    /** Of {@link #running}, those that jobs of a QoS may take from by its order. */
    private final Map<String, List<RunningJob>> lower = new HashMap<>();
    /** Of {@link #running}, those that may be taken from by shares. */
    private final Map<Rights, List<RunningJob>> others = new HashMap<>();
    /** Places of the nodes with GPUs of several models. */
    private final List<Integer> mixed;

    /** What decides who may be taken from. */
    private record Rights(boolean inGpus, String qos) {}

    /** What else decides for whom no room can be made. */
    private record Asks(String qos, boolean leavesKept) {}

    private int preemptions;
    /** Size times seconds in this hour, GPUs and CPUs apart: each kind has a budget of what there is of it. */
    private double movedGpus;
    private double movedCpus;

    /**
     * @param room what is free, less what starts; changed
     * @param running those that hold room, by their places in the input; changed
     * @param holding waiting jobs that have got room
     * @param still those that have not, by priority
     * @param first the first of them, if nodes are kept for it
     */
    PassPreemption(PassInput input, AccountTree tree, Room room, List<RunningJob> running, List<WaitingJob> holding, List<WaitingJob> still, Optional<Verdict.Reserved> first) {
        this.first = first;
        kept = first.stream().flatMapToInt(one -> Arrays.stream(one.nodes())).boxed().collect(Collectors.toSet());
        this.input = input;
        this.tree = tree;
        this.room = room;
        this.running = running;
        this.still = still;
        policy = policy(input.getPolicy());
        for (PassQos qos : input.getQosList()) {
            preempts.put(qos.getName(), qos.getPreemptsList());
        }
        parked = input.getNodesList().stream().mapToLong(PassNode::getParkedMemory).toArray();
        preemptions = input.getPreemptions();
        movedGpus = input.hasMovedGpus() ? input.getMovedGpus() : input.getMoved();
        movedCpus = input.hasMovedGpus() ? input.getMovedCpus() : input.getMoved();
        balances = new PassBalance(input, tree, running, holding, still);
        hopeless = new Hopeless(policy);
        mixed = IntStream.range(0, input.getNodesCount()).filter(at -> input.getNodes(at).getModelsCount() > 0).boxed().toList();
    }

    private static PreemptionPolicy policy(PassPolicy policy) {
        return new PreemptionPolicy(
                policy.getDelay(),
                policy.getHysteresis(),
                policy.getMinimumRun(),
                policy.getSpacing(),
                policy.getMostPerHour(),
                policy.getMostMoving(),
                policy.getWorth(),
                Math.max(1, policy.getHorizon()),
                policy.getInterruption(),
                policy.getForesight(),
                policy.getMoves(),
                policy.getDueFirst(),
                policy.getAgeing());
    }

    private PassRunning of(RunningJob job) {
        return input.getRunning((int) job.id());
    }

    private PassWaiting of(WaitingJob job) {
        return input.getWaiting((int) job.id() - 1);
    }

    List<PreemptionVerdict> decide() {
        List<PreemptionVerdict> verdicts = new ArrayList<>();
        int made = 0;
        for (WaitingJob one : still) {
            WaitingJob job = asking(one);
            if (made == MOST || of(job).getNotBefore() > input.getNow()) {
                continue;
            }
            Decision decision = byQos(job);
            String right = "its QoS " + of(job).getQos() + " preempts theirs";
            if (!(decision instanceof Decision.Preempt)) {
                decision = byShares(job);
                right = "its account holds less than is due to it";
            }
            made += decision instanceof Decision.Preempt ? 1 : 0;
            Rung rung = decision instanceof Decision.Preempt taken ? rung(taken) : new Rung(false, "");
            if (decision instanceof Decision.Preempt || verdicts.size() < TOLD) {
                verdicts.add(verdict(job, decision, right, rung));
            }
            if (decision instanceof Decision.Preempt taken) {
                apply(taken, rung.park());
            }
        }
        return verdicts;
    }

    /** It may be that somebody makes room on a node that could not take it as it is. */
    private WaitingJob asking(WaitingJob job) {
        long labels = of(job).getMakesRoomBy();
        Demand demand = job.demand();
        return labels == 0 ? job : new WaitingJob(job.id(), job.account(), job.priority(), job.since(), new Demand(demand.nodes(), demand.cpuMillis(), demand.memory(), demand.gpus(), labels), job.seconds(), job.warm(), job.due());
    }

    private boolean outranks(String qos, String other) {
        return preempts.getOrDefault(qos, List.of()).contains(other);
    }

    private Decision byQos(WaitingJob job) {
        String qos = of(job).getQos();
        List<RunningJob> lower = lower(qos);
        if (lower.isEmpty()) {
            return new Decision.Keep(job, Decision.Why.NO_VICTIMS);
        }
        // One more account, to which everything is due, asks; nothing is due to the others.
        int asker = tree.size();
        boolean inGpus = job.demand().gpus() > 0;
        double[] due = new double[asker + 1];
        Arrays.fill(due, Double.NEGATIVE_INFINITY);
        due[asker] = Double.MAX_VALUE;
        double[] holds = Arrays.copyOf(balances.of(inGpus).holds(), asker + 1);
        WaitingJob asking = new WaitingJob(job.id(), asker, job.priority(), job.since(), job.demand(), job.seconds(), job.warm());
        PreemptionPolicy order = new PreemptionPolicy(0, 0, 0, 0, policy.mostPerHour(), 1, Double.MAX_VALUE, policy.horizon());
        GpuSight sight = GpuSight.of(input, mixed, job, room, lower);
        return Preemption.decide(asking, sight.room(), sight.running(), new Balance(due, holds, inGpus, balances.of(inGpus).capacity()), order, new Spent(preemptions, 0), input.getNow());
    }

    private List<RunningJob> lower(String qos) {
        if (preempts.getOrDefault(qos, List.of()).isEmpty()) {
            return List.of();
        }
        return lower.computeIfAbsent(qos, of -> running.stream().filter(one -> outranks(of, of(one).getQos()) && of(one).getExemptUntil() <= input.getNow()).toList());
    }

    private List<RunningJob> others(Rights rights) {
        return others.computeIfAbsent(rights, of -> running.stream().filter(one -> (of.inGpus() || one.demand().gpus() == 0) && !outranks(of(one).getQos(), of.qos())).toList());
    }

    private Decision byShares(WaitingJob job) {
        boolean inGpus = job.demand().gpus() > 0;
        String qos = of(job).getQos();
        Asks asks = new Asks(qos, leavesKept(job));
        Optional<Decision.Keep> known = hopeless.known(job, asks);
        if (known.isPresent()) {
            return known.get();
        }
        // Of a long queue that is so for most, and needs no look at what runs.
        Optional<Decision.Keep> early = Preemption.early(job, balances.of(inGpus), policy, input.getNow());
        if (early.isPresent()) {
            return early.get();
        }
        GpuSight sight = GpuSight.of(input, mixed, job, room, others(new Rights(inGpus, qos)));
        Spent spent = new Spent(preemptions, inGpus ? movedGpus : movedCpus);
        Decision decision = Preemption.decide(job, sight.room(), sight.running(), balances.of(inGpus), policy, spent, input.getNow(), kept, barred(job));
        if (decision instanceof Decision.Keep keep) {
            hopeless.learn(keep, asks);
        }
        return decision;
    }

    /**
     * Whether nobody leaves kept nodes for a job unless it fits in beside the first. It is so where the first is due too (without {@code dueFirst} nobody is known to be): taken from again and again, its nodes would
     * never be free. What has ended before the first begins does not put it off.
     */
    private boolean leavesKept(WaitingJob job) {
        return input.getPolicy().getKeeps() && first.filter(one -> one.job().due() && one.job().id() != job.id() && !endsBefore(job, one)).isPresent();
    }

    private boolean endsBefore(WaitingJob job, Verdict.Reserved reserved) {
        return job.seconds() != WaitingJob.UNKNOWN && input.getNow() + job.seconds() <= reserved.at();
    }

    private Set<Integer> barred(WaitingJob job) {
        return leavesKept(job) ? kept.stream().filter(node -> !first.orElseThrow().spare().fits(node, job.demand())).collect(Collectors.toSet()) : Set.of();
    }

    private Rung rung(Decision.Preempt taken) {
        int node = taken.nodes()[0];
        Demand demand = taken.job().demand();
        if (!input.getPolicy().hasParkMost()) {
            // Recorded before there was a choice: with the victims' GPUs alone there is room, so they stay on the node, in its main memory.
            return new Rung(demand.gpus() > 0 && room.cpuMillis(node) >= demand.cpuMillis() && room.memory(node) >= demand.memory(), "");
        }
        return Rung.choose(demand, taken.job().seconds(), new Rung.Host(room.cpuMillis(node), room.memory(node), parked[node]), state(taken), input.getPolicy().getParkMost());
    }

    private long state(Decision.Preempt taken) {
        return taken.victims().stream().mapToLong(victim -> of(victim).getGpuMemory()).sum();
    }

    private PreemptionVerdict verdict(WaitingJob job, Decision decision, String right, Rung rung) {
        boolean inGpus = job.demand().gpus() > 0;
        Balance balance = balances.of(inGpus);
        PreemptionVerdict.Builder said = PreemptionVerdict.newBuilder().setJob(of(job).getJob()).setDue(balance.due()[job.account()]).setHolds(balance.holds()[job.account()]);
        Set<RunningJob> hit = new HashSet<>();
        switch (decision) {
            case Decision.Keep keep -> said.setWhy(keep.why().words());
            case Decision.Preempt taken -> {
                hit.addAll(taken.victims());
                said.setPreempts(true).setNode(input.getNodes(taken.nodes()[0]).getName()).setCost(taken.cost()).setWhy(right);
                taken.victims().forEach(one -> said.addVictims(PassVictim.newBuilder().setJob(of(one).getJob()).setPark(rung.park() && one.demand().gpus() > 0).setCost(one.moveSeconds() * size(one.demand(), inGpus)).setWhy(rung.why())));
                for (Decision.Move move : taken.moves()) {
                    RunningJob one = move.job();
                    hit.add(one);
                    said.addVictims(PassVictim.newBuilder().setJob(of(one).getJob()).setTo(input.getNodes(move.to()).getName()).setCost(one.moveSeconds() * size(one.demand(), inGpus)).setWhy("it has room there"));
                }
            }
        }
        for (RunningJob one : running) {
            if (!hit.contains(one) && !of(one).getLeaving() && said.getRejectedCount() < MOST_REJECTED) {
                said.addRejected(PassRejected.newBuilder().setJob(of(one).getJob()).setWhy(whyLeft(job, one, balance)));
            }
        }
        return said.build();
    }

    private String whyLeft(WaitingJob job, RunningJob one, Balance balance) {
        if (!of(one).getImmovable().isEmpty()) {
            return of(one).getImmovable();
        }
        if (outranks(of(one).getQos(), of(job).getQos())) {
            return "its QoS preempts that of the job";
        }
        Optional<Preemption.Refusal> refusal = Preemption.refusal(one, job, balance, policy, input.getNow());
        if (refusal.isEmpty() && barred(job).contains(one.nodes()[0])) {
            return "its node is kept for a job before it in the queue";
        }
        return refusal.map(Preemption.Refusal::words).orElse("others are cheaper, or its node can't be freed");
    }

    /** The victims are on their way, and what is free of the node is the taker's. */
    private void apply(Decision.Preempt taken, boolean park) {
        boolean inGpus = taken.job().demand().gpus() > 0;
        Demand demand = taken.job().demand();
        long cpu = demand.cpuMillis();
        long memory = demand.memory();
        int gpus = demand.gpus();
        for (RunningJob victim : taken.victims()) {
            // Parked it keeps them. Of an old record what came out then must come out again.
            boolean keeps = park && victim.demand().gpus() > 0 && input.getPolicy().hasParkMost();
            cpu -= keeps ? 0 : victim.demand().cpuMillis();
            memory -= keeps ? 0 : victim.demand().memory();
            gpus -= victim.freed().gpus();
            balances.holds(victim.account(), victim.demand(), -1);
            leaves(victim, inGpus);
        }
        for (Decision.Move move : taken.moves()) {
            RunningJob one = move.job();
            cpu -= one.demand().cpuMillis();
            memory -= one.demand().memory();
            gpus -= one.freed().gpus();
            room.take(new int[] {move.to()}, one.demand());
            leaves(one, inGpus);
        }
        if (park) {
            parked[taken.nodes()[0]] += state(taken);
        }
        preemptions += taken.victims().size() + taken.moves().size();
        WaitingJob job = still.stream().filter(one -> one.id() == taken.job().id()).findFirst().orElseThrow();
        balances.holds(job.account(), demand, 1);
        room.take(taken.nodes(), new Demand(1, Math.max(0, cpu), Math.max(0, memory), Math.max(0, gpus), 0));
        if (leavesKept(job) && kept.contains(taken.nodes()[0]) && first.orElseThrow().spare().fits(taken.nodes()[0], demand)) {
            first.orElseThrow().spare().take(taken.nodes(), demand);
        }
    }

    private void leaves(RunningJob job, boolean inGpus) {
        double more = size(job.demand(), inGpus) * job.moveSeconds();
        // An old record has one sum for both.
        movedGpus += inGpus || !input.hasMovedGpus() ? more : 0;
        movedCpus += !inGpus || !input.hasMovedGpus() ? more : 0;
        running.set(running.indexOf(job), job.leaving());
        lower.clear();
        others.clear();
    }

    private static double size(Demand demand, boolean inGpus) {
        return PassBalance.size(demand, inGpus);
    }
}
