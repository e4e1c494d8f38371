package dev.ferry.node.jobs;

import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.criu.CriuBinary;
import dev.ferry.node.sandbox.Sandbox;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.Images;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * What every job of a node shares.
 *
 * @param cgroup path of the node's control group, below each hierarchy's root
 * @param hidden folders that no job may see
 * @param freezeTimeout how long the kernel may take to stop a job's processes
 */
public record NodeContext(
        String node,
        Path data,
        CgroupLayout layout,
        String cgroup,
        Sandbox sandbox,
        CriuBinary criu,
        Images images,
        BufferPool buffers,
        NodeFacts facts,
        List<Path> hidden,
        Duration freezeTimeout,
        Outbox outbox) {}
