package dev.ferry.coordinator.placement;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.accounts.AccountBook;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Requirements;
import dev.ferry.proto.v1.Resources;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** Chooses the node for a job: one of its partition that has room and what the job's image needs; of several the emptiest. */
public final class Placement {
    private static final String NOT_HERE = "the job is or was there, or it was refused there";

    private Placement() {}

    /**
     * What is looked for.
     *
     * @param image what the image needs; empty: a first start
     * @param node only this one; empty: any
     * @param notHere nodes that are not wanted, though the job or the caller asked for one of them
     * @param operation the one that asks, whose own reservation does not count; empty: none
     */
    public record Request(JobSpec spec, Optional<Requirements> image, String node, Set<String> notHere, String operation) {}

    /**
     * @throws FerryException NO_CAPACITY, NEVER_FITS, NODE_NOT_FOUND, NODE_DOWN, NODE_DRAINING,
     *     OTHER_STORE, NODE_INCOMPATIBLE; the message says for each node why not
     */
    public static String choose(Transaction state, Request request) {
        return choose(state, request, Usage.of(state, request.operation()));
    }

    /**
     * The same for one of several jobs.
     *
     * @param usage as it is without the operation that asks
     */
    public static String choose(Transaction state, Request request, Usage usage) {
        String wanted = request.node().isEmpty() ? request.spec().getNode() : request.node();
        if (!wanted.isEmpty()) {
            Node node = dev.ferry.coordinator.nodes.NodeDirectory.node(state, wanted);
            Optional<Refusal> refusal = request.notHere().contains(wanted) ? Optional.of(new Refusal(ErrorCode.NO_CAPACITY, NOT_HERE)) : refusal(node, request, usage);
            if (refusal.isPresent()) {
                throw new FerryException(refusal.get().code(), "Node " + wanted + " can't take the job: " + refusal.get().why());
            }
            return wanted;
        }
        List<Node> fitting = new ArrayList<>();
        List<String> reasons = new ArrayList<>();
        boolean couldEver = false;
        List<String> partition = AccountBook.nodesOf(state, request.spec().getPartition());
        boolean partitionIsThere = false;
        for (Node node : state.nodes()) {
            if (!has(partition, node.getName())) {
                reasons.add(node.getName() + ": it is not in the job's partition");
                continue;
            }
            partitionIsThere = true;
            if (request.notHere().contains(node.getName())) {
                reasons.add(node.getName() + ": " + NOT_HERE);
                continue;
            }
            couldEver |= Usage.lack(Usage.wanted(request.spec()), Usage.ever(node), Resources.getDefaultInstance()).isEmpty();
            Optional<Refusal> refusal = refusal(node, request, usage);
            if (refusal.isEmpty()) {
                fitting.add(node);
            } else {
                reasons.add(node.getName() + ": " + refusal.get().why());
            }
        }
        if (fitting.isEmpty()) {
            String why = reasons.isEmpty() ? "there are no nodes" : String.join("; ", reasons);
            throw new FerryException(couldEver || !partitionIsThere || !request.notHere().isEmpty() ? ErrorCode.NO_CAPACITY : ErrorCode.NEVER_FITS, "No node can take the job: " + why);
        }
        return fitting.stream().max(Comparator.comparingDouble((Node node) -> freeShare(node, usage)).thenComparing(Node::getName, Comparator.reverseOrder())).orElseThrow().getName();
    }

    /** Whether a node could take a job now, were it the only one that comes; of its partition the caller knows. */
    public static boolean fits(Node node, Request request, Usage usage) {
        return refusal(node, request, usage).isEmpty();
    }

    /** Whether a job's partition has a node; one that was removed since counts as one with all nodes. */
    public static boolean isInPartition(Transaction state, JobSpec spec, String node) {
        return has(AccountBook.nodesOf(state, spec.getPartition()), node);
    }

    private static boolean has(List<String> partition, String node) {
        return partition.isEmpty() || partition.contains(node);
    }

    private record Refusal(ErrorCode code, String why) {}

    private static Optional<Refusal> refusal(Node node, Request request, Usage usage) {
        if (node.getState() == NodeState.DOWN || node.getState() == NodeState.DEAD) {
            return Optional.of(new Refusal(ErrorCode.NODE_DOWN, "it is " + node.getState()));
        }
        if (node.getState() == NodeState.DRAINING || node.getState() == NodeState.DRAINED) {
            return Optional.of(new Refusal(ErrorCode.NODE_DRAINING, "it is being drained"));
        }
        if (!node.getStoreProblem().isEmpty()) {
            return Optional.of(new Refusal(ErrorCode.OTHER_STORE, "it " + node.getStoreProblem()));
        }
        Optional<String> unfit = request.image().flatMap(needs -> Compatibility.unfit(needs, node.getFacts()));
        if (unfit.isPresent()) {
            return Optional.of(new Refusal(ErrorCode.NODE_INCOMPATIBLE, unfit.get()));
        }
        Resources wanted = Usage.wanted(request.spec());
        String never = Usage.lack(wanted, Usage.ever(node), Resources.getDefaultInstance());
        if (!never.isEmpty()) {
            return Optional.of(new Refusal(ErrorCode.NEVER_FITS, never));
        }
        String now = Usage.lack(wanted, node.getCapacity(), usage.of(node.getName()));
        if (!now.isEmpty() && wanted.getGpus() > 0) {
            now += GpuShares.failing(node).stream().map(gpu -> "; " + gpu.getUuid() + ": " + gpu.getSick()).collect(Collectors.joining());
        } else if (now.isEmpty()) {
            now = GpuShares.lack(node, request.spec(), request.image(), usage.gpus(node.getName()));
        }
        return now.isEmpty() ? Optional.empty() : Optional.of(new Refusal(ErrorCode.NO_CAPACITY, now));
    }

    /** The scarcer of CPUs and memory decides how empty a node is. */
    private static double freeShare(Node node, Usage usage) {
        Resources taken = usage.of(node.getName());
        double cpus = 1.0 - (double) taken.getCpuMillis() / Math.max(1, node.getCapacity().getCpuMillis());
        double memory = 1.0 - (double) taken.getMemoryBytes() / Math.max(1, node.getCapacity().getMemoryBytes());
        return Math.min(cpus, memory);
    }
}
