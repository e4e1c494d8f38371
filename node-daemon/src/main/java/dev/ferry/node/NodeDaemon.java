package dev.ferry.node;

import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.criu.CriuBinary;
import dev.ferry.node.doctor.Machine;
import dev.ferry.node.gpu.GpuNode;
import dev.ferry.node.gpu.GpuWatch;
import dev.ferry.node.hooks.EvacuationHooks;
import dev.ferry.node.hooks.Hooks;
import dev.ferry.node.jobs.DumpSpeeds;
import dev.ferry.node.jobs.GpuMeter;
import dev.ferry.node.jobs.JobRegistry;
import dev.ferry.node.jobs.NodeContext;
import dev.ferry.node.lease.NodeLease;
import dev.ferry.node.link.CoordinatorLink;
import dev.ferry.node.link.Joining;
import dev.ferry.node.link.Membership;
import dev.ferry.node.link.Renewal;
import dev.ferry.node.notices.NoticeWatch;
import dev.ferry.node.peers.PeerServer;
import dev.ferry.node.peers.Peers;
import dev.ferry.node.posix.Posix;
import dev.ferry.node.policy.NodePolicy;
import dev.ferry.node.sandbox.Sandbox;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.Resources;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.DiskSpool;
import dev.ferry.storage.EncryptionConfig;
import dev.ferry.storage.Images;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.StoreConfig;
import dev.ferry.storage.Stores;
import dev.ferry.storage.ZstdLibrary;
import dev.ferry.storage.image.ChunkCache;
import io.grpc.ManagedChannel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The daemon of one node: takes up the jobs that an earlier daemon left, connects to the coordinator and
 * does what it orders. Closing it leaves the jobs running.
 */
public final class NodeDaemon implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(NodeDaemon.class);

    private static final int BUFFER_BYTES = Images.WINDOW_BYTES;
    /** Of the threads that name, compress and send: CRIU and those who empty its pipes go first. */
    private static final int NICENESS = 5;

    private final Locks locks;
    private final ObjectStore store;
    private final JobRegistry registry;
    private final SharedStore shared;
    private final CoordinatorLink link;
    private final GpuNode gpu;
    private final NoticeWatch notices;
    private final NodeLease lease;
    private final Optional<Renewal> renewal;
    private final Hooks hooks;
    private final EvacuationHooks evacuations;
    private final Optional<GpuMeter> meter;
    private final Optional<GpuWatch> watch;
    private final Optional<PeerServer> peers;

    private NodeDaemon(Locks locks, ObjectStore store, JobRegistry registry, SharedStore shared, CoordinatorLink link, GpuNode gpu, NoticeWatch notices, NodeLease lease, Optional<Renewal> renewal, Hooks hooks, EvacuationHooks evacuations, Optional<GpuMeter> meter, Optional<GpuWatch> watch, Optional<PeerServer> peers) {
        this.peers = peers;
        this.meter = meter;
        this.watch = watch;
        this.hooks = hooks;
        this.evacuations = evacuations;
        this.lease = lease;
        this.locks = locks;
        this.store = store;
        this.registry = registry;
        this.shared = shared;
        this.link = link;
        this.gpu = gpu;
        this.notices = notices;
        this.renewal = renewal;
    }

    /**
     * Returns as soon as the node's jobs are taken up; the coordinator may be out of reach.
     *
     * @throws FerryException NOT_PRIVILEGED, TOOL_MISSING, CONFIG_INVALID when the spool does not fit into the process's memory, WRONG_STATE when another daemon has the data
     *     folder or the control group, STORE_* when the store's address is unusable
     */
    public static NodeDaemon start(NodeConfig config) throws IOException {
        if (!Machine.isRoot()) {
            throw new FerryException(ErrorCode.NOT_PRIVILEGED, "The node's daemon makes sandboxes and needs to run as root");
        }
        Path data = Path.of(config.data());
        Files.createDirectories(data);
        Locks locks = Locks.take(data, config.cgroup());
        try {
            ZstdLibrary.loadIn(data.resolve("native"));
            Optional<Membership> membership = membership(config);
            CgroupLayout layout = CgroupLayout.ofThisMachine();
            String dataId = NodeIdentity.require(data, layout, config.name(), config.cgroup(), JobRegistry::continuing);
            CgroupLayout.LIMITING.stream().filter(controller -> !layout.limits(controller)).forEach(absent -> LOG.warn("no control group hierarchy of this machine has {}: jobs are not limited in it", absent));
            CriuBinary criu = CriuBinary.find(config.criu().isEmpty() ? null : Path.of(config.criu()));
            Path runc = Machine.findRunc(config.runc());
            GpuNode gpu = GpuNode.open(config.gpu(), data.resolve("gpu"));
            NodeFacts facts = Machine.facts(layout, criu, runc, gpu).toBuilder().setDataId(dataId).build();
            ObjectStore store = Stores.open(config.store());
            BufferPool spool = spool(config, data);
            // Before any job is touched: what may run here is decided by the lease that an earlier daemon left.
            NodeLease lease = NodeLease.open(data.resolve("lease"), new JobCgroup(layout, config.cgroup()), layout);
            CoordinatorLink link = new CoordinatorLink(config.name(), config.coordinator(), channels(membership), facts, capacity(config, gpu), config.pool(), lease);
            SharedStore shared = SharedStore.open(store, data, link);
            Optional<ChunkCache> cache = cache(config, data);
            NodePolicy policy = new NodePolicy(config.policy(), own(config, data));
            warnOfKeys(config.store(), policy);
            Hooks hooks = Hooks.open(config.hooks(), layout, config.cgroup(), data.resolve("hooks"));
            EvacuationHooks evacuations = new EvacuationHooks(hooks, config.name(), data.resolve("evacuations"));
            NodeContext context =
                    new NodeContext(
                            config.name(),
                            data,
                            layout,
                            config.cgroup(),
                            new Sandbox(runc, data.resolve("runc")),
                            criu,
                            new Images(store, () -> Posix.goBehind(NICENESS), cache),
                            spool,
                            DumpSpeeds.open(data.resolve("dump-speeds")),
                            config.preCopy(),
                            facts,
                            policy,
                            Durations.parse(config.freezeTimeout()),
                            link,
                            gpu,
                            lease::isOver,
                            hooks,
                            evacuations,
                            new Peers(membership));
            JobRegistry registry = new JobRegistry(context);
            registry.recover();
            NoticeWatch notices = NoticeWatch.start(config.notices(), config.name(), link::noticesChanged);
            link.carry(notices::standing, notices::settled);
            link.onEvacuation(evacuations::told);
            link.carryGpus(gpu::health);
            gpu.onHealth(link::gpusChanged);
            Optional<PeerServer> peers = PeerServer.start(config.peers(), membership, cache);
            peers.ifPresent(server -> link.carryPeerAddress(server.address()));
            shared.awaitLook();
            link.start(registry);
            Optional<GpuMeter> meter = GpuMeter.start(registry, context);
            Optional<GpuWatch> watch = GpuWatch.start(gpu);
            Optional<Renewal> renewal = membership.map(held -> new Renewal(held, config.name(), config.coordinator()));
            return new NodeDaemon(locks, store, registry, shared, link, gpu, notices, lease, renewal, hooks, evacuations, meter, watch, peers);
        } catch (InterruptedException stopped) {
            locks.close();
            Thread.currentThread().interrupt();
            throw new FerryException(ErrorCode.CANCELLED, "The daemon was asked to end before it had started", stopped);
        } catch (IOException | RuntimeException failed) {
            locks.close();
            throw failed;
        }
    }

    private static BufferPool spool(NodeConfig config, Path data) throws IOException {
        DirectMemory.requireRoom();
        long disk = Sizes.parse(config.spoolDisk());
        Path folder = config.spoolFolder().isEmpty() ? data.resolve("spool") : Path.of(config.spoolFolder());
        return new BufferPool(SpoolMemory.buffers(Sizes.parse(config.spoolMemory()), BUFFER_BYTES), disk == 0 ? null : new DiskSpool(folder, disk, BUFFER_BYTES));
    }

    private static Optional<ChunkCache> cache(NodeConfig config, Path data) throws IOException {
        long quota = config.chunkCacheBytes();
        return quota == 0 ? Optional.empty() : Optional.of(ChunkCache.open(data.resolve("chunks"), quota));
    }

    /** The node's place in the cluster; without TLS it needs none. */
    private static Optional<Membership> membership(NodeConfig config) throws IOException {
        if (!config.tls()) {
            return Optional.empty();
        }
        return Optional.of(Joining.ensure(config.pki(), config.name(), config.coordinator(), config.joinToken()));
    }

    private static Function<String, ManagedChannel> channels(Optional<Membership> membership) {
        return coordinator -> membership.map(held -> held.channel(coordinator)).orElseGet(() -> Membership.plain(coordinator));
    }

    /** What no job may see: the daemon's data, and images that lie on this machine. */
    private static List<Path> own(NodeConfig config, Path data) {
        String url = config.store().url();
        return url.startsWith("file://") ? List.of(data, Path.of(url.substring("file://".length()))) : List.of(data);
    }

    /** Its folder is not hidden without being asked: it may hold what jobs need, or mount. */
    private static void warnOfKeys(StoreConfig store, NodePolicy policy) {
        EncryptionConfig encryption = store.encryption();
        Stream.of(store.secretKeyFile(), encryption.masterKeyFile(), encryption.previousMasterKeyFile())
                .filter(key -> !key.isEmpty() && policy.shows(Path.of(key)))
                .forEach(key -> LOG.warn("jobs of user 0 can read {}, a key of the store: put it into a folder that policy.hidden names, as it does /etc/ferry by default", key));
    }

    private static Resources capacity(NodeConfig config, GpuNode gpu) {
        Resources machine = Machine.resources();
        Resources.Builder capacity = machine.toBuilder().setGpus(gpu.usable());
        if (config.cpus() > 0) {
            capacity.setCpuMillis(Math.round(config.cpus() * 1000));
        }
        if (!config.memory().isEmpty()) {
            capacity.setMemoryBytes(Sizes.parse(config.memory()));
        }
        return capacity.build();
    }

    /**
     * Waits until the coordinator has welcomed this node.
     *
     * @return false when the time is over
     */
    public boolean awaitRegistered(Duration atMost) throws InterruptedException {
        return link.awaitWelcome(atMost);
    }

    @Override
    public void close() throws IOException {
        renewal.ifPresent(Renewal::close);
        notices.close();
        meter.ifPresent(GpuMeter::close);
        watch.ifPresent(GpuWatch::close);
        link.close();
        peers.ifPresent(PeerServer::close);
        registry.close();
        evacuations.close();
        hooks.close();
        lease.close();
        gpu.close();
        shared.close();
        store.close();
        locks.close();
    }
}
