package dev.ferry.coordinator.scheduling;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobDemand;
import dev.ferry.proto.v1.JobVerdict;
import dev.ferry.proto.v1.PassAssociation;
import dev.ferry.proto.v1.PassInput;
import dev.ferry.proto.v1.PassNode;
import dev.ferry.proto.v1.PassOutput;
import dev.ferry.proto.v1.PassQos;
import dev.ferry.proto.v1.PassRunning;
import dev.ferry.proto.v1.PassWaiting;
import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.accounts.Association;
import dev.ferry.scheduling.pass.Demand;
import dev.ferry.scheduling.pass.Packing;
import dev.ferry.scheduling.pass.Room;
import dev.ferry.scheduling.pass.RunningJob;
import dev.ferry.scheduling.pass.SchedulingPass;
import dev.ferry.scheduling.pass.Verdict;
import dev.ferry.scheduling.pass.WaitingJob;
import dev.ferry.scheduling.preempt.DueFirst;
import dev.ferry.scheduling.preempt.PreemptionPolicy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Decides one look at the queue: a function of its input, without clock, store or chance. What it decides can so be repeated, by {@code ferry decision replay}, and asked for by other schedulers.
 *
 * <p>First whoever has room starts, in the order of priority and with nodes kept for the first that has none ({@link SchedulingPass}); then it is decided for whom of the others room is made
 * ({@link PassPreemption}).
 */
final class PassDecider {
    private static final int MOST_GPUS = 1024;

    private final PassInput input;
    private final AccountTree tree;
    private final Room room;
    private final List<RunningJob> running = new ArrayList<>();
    private final Map<Long, Integer> positions = new HashMap<>();
    private final PassOutput.Builder output = PassOutput.newBuilder();

    private PassDecider(PassInput input) {
        this.input = input;
        tree = AccountTree.of(input.getAssociationsList().stream().map(PassDecider::association).toList());
        for (int at = 0; at < tree.size(); at++) {
            positions.put(tree.get(at).id(), at);
        }
        int nodes = input.getNodesCount();
        for (PassNode node : input.getNodesList()) {
            if (node.getGpus() < -MOST_GPUS || node.getGpus() > MOST_GPUS) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Node " + node.getName() + " can't have " + node.getGpus() + " GPUs free");
            }
        }
        room = room(input);
        for (int at = 0; at < input.getRunningCount(); at++) {
            PassRunning one = input.getRunning(at);
            if (one.getNode() < 0 || one.getNode() >= nodes) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Job " + one.getJob() + " is on node " + one.getNode() + "; there are " + nodes);
            }
            boolean movable = one.getImmovable().isEmpty() && !one.getLeaving();
            running.add(
                    new RunningJob(
                            at, position(one.getJob(), one.getAssociation()), demand(one.getDemand()), new int[] {one.getNode()}, one.getSince(), seconds(one.getEnds()), one.getMoveSeconds(), one.getHits(), one.getLastHit(),
                            movable, movable && one.getRelocatable(), one.getFailingGpus()));
        }
    }

    /** What is free. */
    static Room room(PassInput input) {
        return Room.partly(
                input.getNodesList().stream().mapToLong(PassNode::getCpuMillis).toArray(),
                input.getNodesList().stream().mapToLong(PassNode::getMemory).toArray(),
                input.getNodesList().stream().mapToInt(PassNode::getGpus).toArray(),
                input.getNodesList().stream().mapToLong(PassNode::getLabels).toArray(),
                mostGpus(input));
    }

    /** The most GPUs that any node has: free, and held by jobs there. */
    private static int mostGpus(PassInput input) {
        long[] gpus = input.getNodesList().stream().mapToLong(PassNode::getGpus).toArray();
        for (PassRunning one : input.getRunningList()) {
            if (one.getNode() >= 0 && one.getNode() < gpus.length) {
                gpus[one.getNode()] += one.getDemand().getGpus();
            }
        }
        long most = Math.max(0, Arrays.stream(gpus).max().orElse(0));
        if (most > MOST_GPUS) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "A node can't have " + most + " GPUs");
        }
        return (int) most;
    }

    /**
     * @throws FerryException INVALID_ARGUMENT when the input contradicts itself
     */
    static PassOutput decide(PassInput input) {
        try {
            return new PassDecider(input).run();
        } catch (IllegalArgumentException impossible) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "The cluster that is described can't be: " + impossible.getMessage(), impossible);
        }
    }

    private static Association association(PassAssociation one) {
        return new Association(one.getId(), one.getParent(), one.getAccount(), one.getUser().isEmpty() ? null : one.getUser(), one.getShares(), null);
    }

    static Demand demand(JobDemand demand) {
        return new Demand(1, demand.getCpuMillis(), demand.getMemory(), demand.getGpus(), demand.getLabels());
    }

    private static long seconds(long known) {
        return known == 0 ? WaitingJob.UNKNOWN : known;
    }

    private int position(String job, long association) {
        Integer at = positions.get(association);
        if (at == null) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Job " + job + " is billed to association " + association + ", which isn't there");
        }
        return at;
    }

    /** Ids of waiting jobs are their places in the input and one: 0 is nobody. */
    private WaitingJob waiting(int at) {
        PassWaiting one = input.getWaiting(at);
        return new WaitingJob(at + 1L, position(one.getJob(), one.getAssociation()), one.getPriority(), one.getSince(), demand(one.getDemand()), seconds(one.getSeconds()), warm(one));
    }

    private List<Integer> warm(PassWaiting one) {
        for (int node : one.getWarmList()) {
            if (node < 0 || node >= input.getNodesCount()) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Job " + one.getJob() + " has its data on node " + node + "; there are " + input.getNodesCount());
            }
        }
        return one.getWarmList();
    }

    private PassWaiting of(WaitingJob job) {
        return input.getWaiting((int) job.id() - 1);
    }

    private PassOutput run() {
        List<WaitingJob> queue = new ArrayList<>();
        List<WaitingJob> claiming = new ArrayList<>();
        List<WaitingJob> held = new ArrayList<>();
        for (int at = 0; at < input.getWaitingCount(); at++) {
            PassWaiting one = input.getWaiting(at);
            (one.getClaims() ? claiming : one.getHeld().isEmpty() ? queue : held).add(waiting(at));
        }
        List<WaitingJob> still = new ArrayList<>();
        List<WaitingJob> started = new ArrayList<>();
        Optional<Verdict.Reserved> kept = Optional.empty();
        Packing packing = input.getPolicy().getSpread() ? Packing.SPREAD : input.getPolicy().getAlign() ? Packing.ALIGN : Packing.PACK;
        for (Verdict verdict : SchedulingPass.run(room, running, ordered(queue, claiming), packing, input.getPolicy().getSkips(), input.getNow())) {
            output.addVerdicts(verdict(verdict));
            (verdict instanceof Verdict.Start ? started : still).add(verdict.job());
            if (verdict instanceof Verdict.Reserved reserved && reserved.at() != WaitingJob.UNKNOWN) {
                kept = Optional.of(reserved);
            }
        }
        claiming.sort(SchedulingPass.ORDER);
        claiming.forEach(job -> output.addVerdicts(JobVerdict.newBuilder().setJob(of(job).getJob()).setKind(JobVerdict.Kind.ROOM_IS_MADE)));
        held.sort(SchedulingPass.ORDER);
        held.forEach(job -> output.addVerdicts(JobVerdict.newBuilder().setJob(of(job).getJob()).setKind(JobVerdict.Kind.HELD).setWhy(of(job).getHeld())));
        if (input.getPolicy().getPreemption() && !still.isEmpty()) {
            List<WaitingJob> holding = new ArrayList<>(started);
            holding.addAll(claiming);
            output.addAllPreemptions(new PassPreemption(input, tree, room, running, holding, still, kept).decide());
        }
        return output.build();
    }

    /** Jobs with GPUs are due in GPUs, others in CPUs. */
    private List<WaitingJob> ordered(List<WaitingJob> queue, List<WaitingJob> claiming) {
        if (!input.getPolicy().getPreemption() || !input.getPolicy().getDueFirst()) {
            return queue;
        }
        PassBalance balance = new PassBalance(input, tree, running, claiming, queue);
        // A QoS that preempts others is an order: no due counts.
        Set<String> orders = new HashSet<>(input.getQosList().stream().filter(qos -> qos.getPreemptsCount() > 0).map(PassQos::getName).toList());
        List<WaitingJob> ordered = new ArrayList<>(queue.stream().filter(job -> orders.contains(of(job).getQos())).map(WaitingJob::asDue).toList());
        List<WaitingJob> others = queue.stream().filter(job -> !orders.contains(of(job).getQos())).toList();
        long patience = PreemptionPolicy.PATIENCE * Math.max(1, input.getPolicy().getHorizon());
        List<WaitingJob> marked = DueFirst.mark(others, balance.of(true), job -> PassBalance.size(job.demand(), true), input.getNow(), patience);
        ordered.addAll(DueFirst.mark(marked, balance.of(false), job -> PassBalance.size(job.demand(), false), input.getNow(), patience));
        return ordered;
    }

    private JobVerdict verdict(Verdict verdict) {
        JobVerdict.Builder said = JobVerdict.newBuilder().setJob(of(verdict.job()).getJob());
        return switch (verdict) {
            case Verdict.Start start -> said.setKind(JobVerdict.Kind.STARTS).setNode(input.getNodes(start.nodes()[0]).getName()).build();
            case Verdict.Reserved kept -> {
                boolean known = kept.at() != WaitingJob.UNKNOWN;
                yield said.setKind(known ? JobVerdict.Kind.NODE_IS_KEPT : JobVerdict.Kind.NO_ROOM).setNode(known ? input.getNodes(kept.nodes()[0]).getName() : "").setAt(known ? kept.at() : 0).build();
            }
            case Verdict.Waits waits ->
                    waits.behind() == 0 ? said.setKind(JobVerdict.Kind.NO_ROOM).build() : said.setKind(JobVerdict.Kind.ROOM_IS_ANOTHERS).setBehind(input.getWaiting((int) waits.behind() - 1).getJob()).build();
        };
    }
}
