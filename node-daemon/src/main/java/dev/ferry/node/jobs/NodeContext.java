package dev.ferry.node.jobs;

import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.criu.CriuBinary;
import dev.ferry.node.gpu.GpuNode;
import dev.ferry.node.hooks.EvacuationHooks;
import dev.ferry.node.hooks.Hooks;
import dev.ferry.node.memory.PreCopyConfig;
import dev.ferry.node.policy.NodePolicy;
import dev.ferry.node.sandbox.Sandbox;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.Peer;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ChunkPeer;
import dev.ferry.storage.Images;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

/**
 * What every job of a node shares.
 *
 * @param cgroup path of the node's control group, below each hierarchy's root
 * @param speeds how fast dumps were on this node
 * @param preCopy what copying a job ahead may cost
 * @param policy what jobs may ask for, and which folders none may see
 * @param leaseIsOver whether no job that keeps the lease may run here now
 * @param hooks of the node's operator
 * @param evacuations whose hooks go before all dumps
 * @param peers makes a connection to another node, which is closed by whoever reads an image
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
        DumpSpeeds speeds,
        PreCopyConfig preCopy,
        NodeFacts facts,
        NodePolicy policy,
        Duration freezeTimeout,
        Outbox outbox,
        GpuNode gpu,
        BooleanSupplier leaseIsOver,
        Hooks hooks,
        EvacuationHooks evacuations,
        Function<Peer, ChunkPeer> peers) {
    /**
     * Who is asked for an image's chunks before the store.
     *
     * @param named whether the order names anybody
     */
    Optional<ChunkPeer> peer(boolean named, Peer peer) {
        return named ? Optional.of(peers.apply(peer)) : Optional.empty();
    }
}
