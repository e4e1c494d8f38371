package dev.ferry.coordinator;

import dev.ferry.common.Clock;
import dev.ferry.common.Durations;
import dev.ferry.common.PrivateFolder;
import dev.ferry.common.Sizes;
import dev.ferry.common.SystemScheduler;
import dev.ferry.coordinator.access.AuditLog;
import dev.ferry.coordinator.access.Auditor;
import dev.ferry.coordinator.access.CertificateAuthority;
import dev.ferry.coordinator.access.Credentials;
import dev.ferry.coordinator.access.LocalFolder;
import dev.ferry.coordinator.access.NodeIdentities;
import dev.ferry.coordinator.access.ServerTls;
import dev.ferry.coordinator.access.Tokens;
import dev.ferry.coordinator.accounts.GpuSamples;
import dev.ferry.coordinator.api.AccessService;
import dev.ferry.coordinator.api.AccountsService;
import dev.ferry.coordinator.api.CallGuard;
import dev.ferry.coordinator.api.DecisionsService;
import dev.ferry.coordinator.api.DrillVerbs;
import dev.ferry.coordinator.api.FerryApi;
import dev.ferry.coordinator.api.FerryService;
import dev.ferry.coordinator.api.Gate;
import dev.ferry.coordinator.api.HttpServer;
import dev.ferry.coordinator.api.ImageStreams;
import dev.ferry.coordinator.api.ImageVerbs;
import dev.ferry.coordinator.api.LogReader;
import dev.ferry.coordinator.api.Metrics;
import dev.ferry.coordinator.api.NodeLoss;
import dev.ferry.coordinator.api.RemovalVerbs;
import dev.ferry.coordinator.api.SpotVerbs;
import dev.ferry.coordinator.api.Verbs;
import dev.ferry.coordinator.evacuation.Drills;
import dev.ferry.coordinator.evacuation.Evacuations;
import dev.ferry.coordinator.evacuation.Freshness;
import dev.ferry.coordinator.evacuation.Notices;
import dev.ferry.coordinator.evacuation.Policies;
import dev.ferry.coordinator.leader.Leads;
import dev.ferry.coordinator.nodes.CommandDesk;
import dev.ferry.coordinator.nodes.LeaseTerms;
import dev.ferry.coordinator.nodes.LogRelay;
import dev.ferry.coordinator.nodes.NodeDirectory;
import dev.ferry.coordinator.nodes.NodeLinkService;
import dev.ferry.coordinator.nodes.NodeStreams;
import dev.ferry.coordinator.operations.Deadlines;
import dev.ferry.coordinator.operations.OperationEngine;
import dev.ferry.coordinator.scheduling.AccountsApi;
import dev.ferry.coordinator.scheduling.DecisionsApi;
import dev.ferry.coordinator.scheduling.RebalanceTimer;
import dev.ferry.coordinator.scheduling.SchedulingLoop;
import dev.ferry.coordinator.store.Changes;
import dev.ferry.coordinator.store.Reserve;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.upkeep.EndedJobs;
import dev.ferry.coordinator.upkeep.StoreUpkeep;
import dev.ferry.proto.v1.Server;
import dev.ferry.storage.Images;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.StoreWatch;
import dev.ferry.storage.Stores;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import java.io.IOException;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The coordinator: state, nodes, operations and the two servers. Whatever it was in the middle of goes on at the next start. */
public final class Coordinator implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Coordinator.class);
    private static final long ORDERLY_SECONDS = 2;

    private final Deque<AutoCloseable> parts = new ArrayDeque<>();
    private final io.grpc.Server grpc;
    private final int grpcPort;
    private final HttpServer http;

    private Coordinator(CoordinatorConfig config, StateStore store, Reserve reserve, Leads leads) throws IOException {
        try {
            ObjectStore objects = add(Stores.open(config.store()));
            Images images = new Images(objects);
            Changes changes = new Changes();
            store.onChange(changes::tell);
            SystemScheduler scheduler = add(new SystemScheduler("coordinator"));
            CommandDesk desk = new CommandDesk();
            LeaseTerms lease = new LeaseTerms(Durations.parse(config.lease()));
            NodeDirectory directory = add(new NodeDirectory(store, desk, Durations.parse(config.nodeTimeout()), lease, Clock.SYSTEM, scheduler));
            StoreWatch watch = add(StoreWatch.making(objects, directory::ownStoreChanged));
            directory.ownStore(watch::sight);
            OperationEngine engine = add(new OperationEngine(store, desk, changes, deadlines(config), scheduler));
            Notices notices = new Notices(store);
            Verbs verbs = new Verbs(store, engine);
            Evacuations evacuations = add(new Evacuations(store, verbs, directory, desk, config.evacuation(), Clock.SYSTEM, scheduler));
            notices.onChange(evacuations::noticed);
            Policies policies = new Policies(config.evacuation());
            Freshness freshness = add(new Freshness(store, verbs, policies, scheduler));
            Drills drills = add(new Drills(store, verbs, desk, config.evacuation(), config.drill(), Durations.parse(config.restoreDeadline()), Clock.SYSTEM, scheduler));
            LogRelay relay = new LogRelay(desk);
            Optional<CertificateAuthority> authority = GrpcPorts.authority(config);
            Optional<ServerTls> tls = GrpcPorts.tls(config, authority, scheduler);
            tls.ifPresent(this::add);
            http = add(HttpServer.bind(config.httpListen(), tls.map(ServerTls::identity)));
            Server self =
                    Server.newBuilder()
                            .setVersion(StateTransfer.version())
                            .setStartedAt(System.currentTimeMillis())
                            .setStore(objects.describe())
                            .setHttpAddress(http.address())
                            .setEpoch(leads.epoch())
                            .build();
            StoreUpkeep upkeep = new StoreUpkeep(store, images, config.upkeep().terms(), Durations.parse(config.upkeep().collectEvery()), config.upkeep().retention(), reserve, scheduler);
            Map<String, Supplier<X509Certificate>> certificates = new HashMap<>();
            authority.ifPresent(signer -> certificates.put("ca", signer::certificate));
            tls.ifPresent(shown -> certificates.put("server", shown.identity()::certificate));
            Metrics metrics = new Metrics(store, leads, upkeep::lastCollected, certificates);
            engine.onEnd(metrics::ended);
            EndedJobs ended = new EndedJobs(store, desk, images, Durations.parse(config.upkeep().keepEnded()), scheduler);
            ImageVerbs imageVerbs = new ImageVerbs(store, images, config.upkeep().terms());
            Optional<NodeIdentities> nodes = authority.map(signer -> new NodeIdentities(store, signer, Durations.parse(config.security().nodeCertificate())));
            FerryApi api = new FerryApi(store, engine, desk, directory, verbs, imageVerbs, upkeep, new SpotVerbs(store, notices, evacuations, directory, policies), new DrillVerbs(store, drills), new RemovalVerbs(store, ended, directory, nodes), self);
            NodeStreams.Terms terms = new NodeStreams.Terms(Durations.parse(config.heartbeat()), lease.lease());
            NodeStreams streams = new NodeStreams(store, desk, directory, relay, terms, leads, Clock.SYSTEM, scheduler);
            streams.onNotices(notices::reported);
            streams.onSamples((node, sample) -> GpuSamples.take(store, node, sample));
            LogReader logs = new LogReader(store, changes, relay, images);
            AccountsApi accounts = new AccountsApi(store, config.scheduling());
            Tokens tokens = new Tokens(store);
            LocalFolder.ensure(tokens, Path.of(config.data()), authority.map(CertificateAuthority::certificate));
            AuditLog audit = add(new AuditLog(Path.of(config.data()), Sizes.parse(config.security().auditFileSize()), config.security().auditFiles()));
            Gate gate = new Gate(new Credentials(config.security().tokens() ? Optional.of(tokens) : Optional.empty(), nodes), store, new Auditor(audit, reserve));
            FerryService service = new FerryService(api, store, changes, logs, new ImageStreams(store, images, gate, config.imageFiles()));
            DecisionsApi decisions = DecisionsService.api(store, config.scheduling(), verbs);
            RebalanceTimer rebalancing = add(new RebalanceTimer(store, config.scheduling(), decisions::rebalance, scheduler));
            SchedulingLoop scheduling = add(new SchedulingLoop(store, engine, config.scheduling(), Clock.SYSTEM, scheduler));
            // Operations first: their orders are known before any daemon's result comes in.
            engine.resumeAll();
            evacuations.start();
            freshness.start();
            drills.start();
            AccessService.Backup backup = to -> StateTransfer.backUp(store, Path.of(config.data()), to);
            UnaryOperator<NettyServerBuilder> services =
                    builder ->
                            builder.intercept(new CallGuard(gate))
                                    .addService(service)
                                    .addService(new AccountsService(accounts))
                                    .addService(new AccessService(tokens, audit, nodes, desk::askAgain, backup))
                                    .addService(new DecisionsService(decisions))
                                    .addService(new NodeLinkService(streams));
            // So that nodes which come at once are judged at once.
            watch.awaitLook();
            grpc = services.apply(GrpcPorts.builder(config, tls)).build();
            GrpcPorts.listen(grpc, config);
            grpcPort = GrpcPorts.port(grpc, config);
            LocalSocket.open(Path.of(config.data()).resolve(LocalFolder.NAME), services).ifPresent(this::add);
            add(() -> endGrpc(grpc, desk));
            directory.onConfirmed(leads::lives);
            directory.start();
            scheduling.start();
            rebalancing.start();
            upkeep.start();
            ended.start();
            if (config.restoresOnNodeLoss()) {
                add(new NodeLoss(store, verbs, Clock.SYSTEM, scheduler)).start();
            }
            http.serve(api, accounts, decisions, logs, metrics, objects, gate);
            reserve.take();
        } catch (IOException | RuntimeException failed) {
            close();
            throw failed;
        }
    }

    /**
     * Starts a coordinator; it answers when this returns.
     *
     * @throws FerryException WRONG_STATE when another one has the data folder, CONFIG_INVALID when an
     *     address can't be listened on
     */
    public static Coordinator start(CoordinatorConfig config) throws IOException {
        Reserve reserve = new Reserve(PrivateFolder.make(Path.of(config.data())));
        StateStore store = SqliteStateStore.open(Path.of(config.data()));
        try {
            Coordinator alone = new Coordinator(config, store, reserve, Leads.ALONE);
            alone.parts.addLast(store);
            return alone;
        } catch (IOException | RuntimeException failed) {
            store.close();
            throw failed;
        }
    }

    /**
     * The same for one of several coordinators, for as long as it leads.
     *
     * @param store with writes that fail when it leads no longer; stays open
     */
    public static Coordinator leading(CoordinatorConfig config, StateStore store, Leads leads) throws IOException {
        return new Coordinator(config, store, new Reserve(PrivateFolder.make(Path.of(config.data()))), leads);
    }

    private <T extends AutoCloseable> T add(T part) {
        parts.push(part);
        return part;
    }

    private static Deadlines deadlines(CoordinatorConfig config) {
        return new Deadlines(
                Durations.parse(config.startDeadline()),
                Durations.parse(config.dumpDeadline()),
                Durations.parse(config.restoreDeadline()),
                Durations.parse(config.killDeadline()));
    }

    private static void endGrpc(io.grpc.Server server, CommandDesk desk) throws InterruptedException {
        server.shutdown();
        desk.close();
        GrpcPorts.end(server, ORDERLY_SECONDS);
    }

    /** Port of the first address in grpcListen. */
    public int grpcPort() {
        return grpcPort;
    }

    public int httpPort() {
        return http.port();
    }

    @Override
    public void close() {
        while (!parts.isEmpty()) {
            try {
                parts.pop().close();
            } catch (Exception failed) {
                LOG.warn("a part of the coordinator did not end in an orderly way", failed);
            }
        }
    }
}
