package dev.ferry.node.link;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.Places;
import dev.ferry.common.Ids;
import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.jobs.JobRegistry;
import dev.ferry.node.jobs.NodeContext;
import dev.ferry.node.lease.NodeLease;
import dev.ferry.proto.v1.FromNode;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.GpuHealth;
import dev.ferry.proto.v1.Hello;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.NodeLinkGrpc;
import dev.ferry.proto.v1.Resources;
import dev.ferry.proto.v1.StoreSight;
import dev.ferry.proto.v1.ToNode;
import dev.ferry.proto.v1.Welcome;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The daemon's end of its streams, with coordinators that are played. The lease is the real one, whose watchdog the kernel runs. */
class CoordinatorLinkIT {
    private static final Duration SOON = Duration.ofSeconds(20);
    private static final Welcome WELCOME = Welcome.newBuilder().setHeartbeatMillis(100).setLeaseMillis(20_000).build();

    @TempDir Path folder;
    private final Played played = new Played();
    private Server server;
    private JobCgroup node;
    private NodeLease lease;
    private JobRegistry jobs;

    /** Keeps the streams that were opened, and answers as it is told. */
    private static final class Played extends NodeLinkGrpc.NodeLinkImplBase {
        private final List<StreamObserver<ToNode>> streams = new CopyOnWriteArrayList<>();
        private final List<FromNode> heard = new CopyOnWriteArrayList<>();
        private volatile boolean welcomes = true;

        @Override
        public StreamObserver<FromNode> connect(StreamObserver<ToNode> answers) {
            streams.add(answers);
            return new StreamObserver<>() {
                @Override
                public void onNext(FromNode message) {
                    heard.add(message);
                    if (message.hasHello() && welcomes) {
                        answers.onNext(ToNode.newBuilder().setWelcome(WELCOME).build());
                    }
                }

                @Override
                public void onError(Throwable failure) {}

                @Override
                public void onCompleted() {}
            };
        }
    }

    @BeforeEach
    void open() throws Exception {
        CgroupLayout layout = CgroupLayout.ofThisMachine();
        node = new JobCgroup(layout, "ferry-test-" + Ids.random(6));
        lease = NodeLease.open(folder.resolve("lease"), node, layout);
        server = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)).addService(played).build().start();
        jobs = new JobRegistry(contextOfNoJobs());
    }

    @AfterEach
    void close() throws Exception {
        server.shutdownNow();
        lease.close();
        node.remove();
    }

    /** Without jobs nothing of it is asked for but the folder. */
    @SuppressWarnings("NullAway")
    private NodeContext contextOfNoJobs() {
        return new NodeContext("node-1", folder, null, "none", null, null, null, null, null, null, null, null, SOON, null, null, null, null, null, null);
    }

    private static ManagedChannel channel(String address) {
        return NettyChannelBuilder.forTarget(address).usePlaintext().build();
    }

    private String address() {
        return "127.0.0.1:" + server.getPort();
    }

    private CoordinatorLink link(String coordinators) {
        CoordinatorLink link = new CoordinatorLink("node-1", coordinators, CoordinatorLinkIT::channel, NodeFacts.getDefaultInstance(), Resources.getDefaultInstance(), "", lease);
        link.start(jobs);
        return link;
    }

    private static GpuHealth gpus(String sick) {
        return GpuHealth.newBuilder().addGpus(Gpu.newBuilder().setUuid("GPU-1").setSick(sick)).addGpus(Gpu.newBuilder().setUuid("GPU-2").setModel("H100")).setPlaces(Places.of(List.of("/dev/nvidia1"))).setNote("2 GPUs").build();
    }

    @Test
    void howTheGpusAreIsToldWhenItChangesAndOnEachStream() throws Exception {
        AtomicReference<GpuHealth> now = new AtomicReference<>(gpus(""));
        try (CoordinatorLink link = new CoordinatorLink("node-1", address(), CoordinatorLinkIT::channel, NodeFacts.getDefaultInstance(), Resources.getDefaultInstance(), "", lease)) {
            link.carryGpus(now::get);
            link.start(jobs);
            await().atMost(SOON).until(() -> played.heard.contains(FromNode.newBuilder().setGpuHealth(gpus("")).build()));
            now.set(gpus("Xid 79"));
            link.gpusChanged();
            await().atMost(SOON).until(() -> played.heard.contains(FromNode.newBuilder().setGpuHealth(gpus("Xid 79")).build()));
            played.heard.clear();
            played.streams.getFirst().onCompleted();
            await().atMost(SOON).until(() -> played.heard.contains(FromNode.newBuilder().setGpuHealth(gpus("Xid 79")).build()));
            Hello hello = played.heard.stream().filter(FromNode::hasHello).findFirst().orElseThrow().getHello();
            assertThat(hello.getFacts().getGpusList()).isEqualTo(gpus("Xid 79").getGpusList());
            assertThat(hello.getFacts().getGpuModelsList()).containsExactly("", "H100");
            assertThat(hello.getFacts().getGpuPlaces()).isEqualTo(gpus("").getPlaces());
            assertThat(hello.getFacts().getGpuNote()).isEqualTo("2 GPUs");
            assertThat(hello.getCapacity().getGpus()).isEqualTo(1);
        }
    }

    @Test
    void whichStoreIsSeenIsToldWhenItChangesAndOnEachStream() throws Exception {
        StoreSight away = StoreSight.newBuilder().setPlace("s3://bucket").setProblem("it does not answer").build();
        StoreSight there = StoreSight.newBuilder().setPlace("s3://bucket").setId("aaaa").build();
        AtomicReference<StoreSight> now = new AtomicReference<>(away);
        AtomicReference<StoreSight> coordinators = new AtomicReference<>();
        try (CoordinatorLink link = new CoordinatorLink("node-1", address(), CoordinatorLinkIT::channel, NodeFacts.getDefaultInstance(), Resources.getDefaultInstance(), "", lease)) {
            link.carryStore(now::get, coordinators::set);
            link.start(jobs);
            await().atMost(SOON).until(() -> played.heard.contains(FromNode.newBuilder().setStore(away).build()));
            assertThat(played.heard.getFirst().getHello().getFacts().getStore()).isEqualTo(away);
            now.set(there);
            link.storeChanged();
            await().atMost(SOON).until(() -> played.heard.contains(FromNode.newBuilder().setStore(there).build()));
            played.heard.clear();
            played.streams.getFirst().onCompleted();
            await().atMost(SOON).until(() -> played.heard.contains(FromNode.newBuilder().setStore(there).build()));
            assertThat(played.heard.stream().filter(FromNode::hasHello).findFirst().orElseThrow().getHello().getFacts().getStore()).isEqualTo(there);
            await().atMost(SOON).until(() -> WELCOME.getStore().equals(coordinators.get()));
        }
    }

    /** As the machine of a leader does that stands still: the kernel takes connections, and nobody answers. */
    @Test
    void aCoordinatorThatHangsKeepsNoNodeFromTheOneThatLeads() throws Exception {
        try (ServerSocket hangs = new ServerSocket(0, 8, InetAddress.getLoopbackAddress());
                CoordinatorLink link = link("127.0.0.1:" + hangs.getLocalPort() + "," + address())) {
            assertThat(link.awaitWelcome(Duration.ofSeconds(6))).isTrue();
        }
    }

    /** It leads no more, and hangs; another one leads by now. */
    @Test
    void aLeaderThatAnswersNoMoreIsNotAskedAgainFirst() throws Exception {
        Played other = new Played();
        Server second = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)).addService(other).build().start();
        try (CoordinatorLink link = link(address() + ",127.0.0.1:" + second.getPort())) {
            assertThat(link.awaitWelcome(SOON)).isTrue();
            await().atMost(SOON).until(() -> other.streams.size() == 1);
            assertThat(played.streams).hasSize(1);
        } finally {
            second.shutdownNow();
        }
    }

    /** What lived then may live elsewhere by now. */
    @Test
    void aWelcomeThatComesWhenANewerStreamHasBegunIsNotHeard() {
        played.welcomes = false;
        AtomicInteger welcomed = new AtomicInteger();
        ManagedChannel first = channel(address());
        ManagedChannel second = channel(address());
        try {
            LinkSession late = session(welcomed);
            late.open(first, Hello::getDefaultInstance);
            await().atMost(SOON).until(() -> played.streams.size() == 1);
            LinkSession newest = session(welcomed);
            newest.open(second, Hello::getDefaultInstance);
            await().atMost(SOON).until(() -> played.streams.size() == 2);
            played.streams.getFirst().onNext(ToNode.newBuilder().setWelcome(WELCOME).build());
            played.streams.getFirst().onError(Status.UNAVAILABLE.withDescription("said all").asException());
            await().atMost(SOON).until(() -> late.trouble().contains("said all"));
            assertThat(welcomed).hasValue(0);
            played.streams.getLast().onNext(ToNode.newBuilder().setWelcome(WELCOME).build());
            await().atMost(SOON).until(() -> welcomed.get() == 1);
        } finally {
            first.shutdownNow();
            second.shutdownNow();
        }
    }

    /** Jobs go on meanwhile; a coordinator ends a stream that does not begin with Hello. */
    @Test
    void whatIsSaidWhileTheHelloIsMadeFollowsIt() {
        ManagedChannel channel = channel(address());
        try {
            LinkSession session = session(new AtomicInteger());
            session.open(
                    channel,
                    () -> {
                        session.send(FromNode.newBuilder().setJobReport(JobReport.newBuilder().setJob("job-1")).build());
                        return Hello.getDefaultInstance();
                    });
            await().atMost(SOON).until(() -> played.heard.size() == 2);
            assertThat(played.heard).extracting(FromNode::getMessageCase).containsExactly(FromNode.MessageCase.HELLO, FromNode.MessageCase.JOB_REPORT);
        } finally {
            channel.shutdownNow();
        }
    }

    private LinkSession session(AtomicInteger welcomed) {
        return new LinkSession(jobs, lease, SOON, welcome -> welcomed.incrementAndGet(), notice -> {}, word -> {});
    }
}
