package dev.ferry.coordinator.placement;

import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Requirements;
import dev.ferry.proto.v1.Resources;
import java.util.Optional;

/** Whether a node could take a job if it were empty. */
public final class NodeFit {
    private NodeFit() {}

    /** Whether a node gets new jobs at all. */
    public static boolean isOpen(Node node) {
        return node.getState() == NodeState.READY && node.getStoreProblem().isEmpty();
    }

    /**
     * @param image what the job's image needs; empty: a first start
     */
    public static boolean couldTake(Node node, JobSpec spec, Optional<Requirements> image) {
        boolean wanted = spec.getNode().isEmpty() || spec.getNode().equals(node.getName());
        return wanted
                && isOpen(node)
                && image.flatMap(needs -> Compatibility.unfit(needs, node.getFacts())).isEmpty()
                && Usage.lack(Usage.wanted(spec), node.getCapacity(), Resources.getDefaultInstance()).isEmpty()
                && GpuShares.suitable(node, spec, image) >= spec.getGpus();
    }
}
