package dev.ferry.coordinator.placement;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Requirements;
import dev.ferry.proto.v1.Resources;
import java.util.Optional;

/** Whether a node could take a job if it were empty. */
public final class NodeFit {
    /** No machine has more, and what all nodes have can be summed up without end. */
    private static final int MOST_GPUS = 1024;

    private static final long MOST_CPU_MILLIS = 1_000_000_000;
    private static final long MOST_MEMORY = 1L << 50;

    private NodeFit() {}

    /** Whether a node gets new jobs at all. */
    public static boolean isOpen(Node node) {
        return node.getState() == NodeState.READY && node.getStoreProblem().isEmpty() && isPossible(node);
    }

    /** Whether a machine can have what a node's record says; what can't be is of no account, so that one node does not spoil what is computed of all. */
    public static boolean isPossible(Node node) {
        return impossible(node.getCapacity(), node.getFacts()).isEmpty();
    }

    /**
     * Asked before a daemon is heard.
     *
     * @throws FerryException INVALID_ARGUMENT, which names the value: no machine has so much, or so little
     */
    public static void requirePossible(Resources capacity, NodeFacts facts) {
        impossible(capacity, facts)
                .ifPresent(
                        what -> {
                            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "This daemon says that its node has " + what);
                        });
    }

    private static Optional<String> impossible(Resources capacity, NodeFacts facts) {
        return outside("thousandths of CPUs", capacity.getCpuMillis(), MOST_CPU_MILLIS)
                .or(() -> outside("bytes of memory", capacity.getMemoryBytes(), MOST_MEMORY))
                .or(() -> outside("GPUs for jobs", capacity.getGpus(), MOST_GPUS))
                .or(() -> outside("GPUs", facts.getGpusCount(), MOST_GPUS));
    }

    private static Optional<String> outside(String unit, long amount, long most) {
        return amount < 0 || amount > most ? Optional.of(amount + " " + unit + "; 0 to " + most + " can be") : Optional.empty();
    }

    /**
     * Whether a node is one for a job by all but the CPUs and the memory that it has.
     *
     * @param image what the job's image needs; empty: a first start
     */
    public static boolean suits(Node node, JobSpec spec, Optional<Requirements> image) {
        boolean wanted = spec.getNode().isEmpty() || spec.getNode().equals(node.getName());
        return wanted && isOpen(node) && image.flatMap(needs -> Compatibility.unfit(needs, node.getFacts())).isEmpty() && GpuShares.wouldDo(node, spec, image);
    }
}
