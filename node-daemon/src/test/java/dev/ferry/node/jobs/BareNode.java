package dev.ferry.node.jobs;

import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.policy.NodePolicy;
import dev.ferry.node.sandbox.Sandbox;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** A node of which tests ask for nothing but the jobs' folders and control groups. */
final class BareNode {
    private BareNode() {}

    /**
     * What jobs of the node share; whatever needs CRIU, a store or GPUs fails.
     *
     * @param cgroup path of the node's control group, below each hierarchy's root
     */
    @SuppressWarnings("NullAway")
    static NodeContext context(Path folder, CgroupLayout layout, String cgroup, Duration freezeTimeout, Outbox said) {
        Sandbox sandbox = new Sandbox(Path.of("runc"), folder.resolve("runc"));
        return new NodeContext("node-1", folder, layout, cgroup, sandbox, null, null, null, null, null, null, NodePolicy.hiding(List.of()), freezeTimeout, said, null, () -> false, null, null, null);
    }
}
