package dev.ferry.node.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import dev.ferry.proto.v1.FetchChunksRequest;
import dev.ferry.proto.v1.FetchedChunk;
import dev.ferry.proto.v1.NodePeerGrpc;
import dev.ferry.proto.v1.Peer;
import dev.ferry.proto.v1.WantedChunk;
import dev.ferry.storage.ChunkPeer;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a node gives to others out of its cache, over a real connection; who is let in is {@code PeerTlsTest}'s. */
class PeerServiceTest {
    private static final int MOST_CALLS = 2;
    private static final Duration SOON = Duration.ofSeconds(20);

    @TempDir private Path folder;
    private CachedImage image;
    private PeerService service;
    private Server server;
    private ManagedChannel channel;
    /** Answers that the service has made. */
    private final AtomicInteger said = new AtomicInteger();

    @BeforeEach
    void open() throws Exception {
        image = new CachedImage(folder);
        service = new PeerService(image.cache, MOST_CALLS);
        server = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)).addService(service).intercept(counting()).build().start();
        // How much may lie on the caller's side is his own affair, and grows by itself unless it is set.
        channel = NettyChannelBuilder.forAddress("127.0.0.1", server.getPort()).flowControlWindow(NettyChannelBuilder.DEFAULT_FLOW_CONTROL_WINDOW).usePlaintext().build();
    }

    @AfterEach
    void close() throws Exception {
        channel.shutdownNow();
        server.shutdownNow();
        assertThat(server.awaitTermination(SOON.toSeconds(), TimeUnit.SECONDS)).isTrue();
        image.close();
    }

    private ServerInterceptor counting() {
        return new ServerInterceptor() {
            @Override
            public <Q, A> ServerCall.Listener<Q> interceptCall(ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
                return next.startCall(
                        new SimpleForwardingServerCall<>(call) {
                            @Override
                            public void sendMessage(A message) {
                                said.incrementAndGet();
                                super.sendMessage(message);
                            }
                        },
                        headers);
            }
        };
    }

    private static FetchChunksRequest request(List<WantedChunk> chunks) {
        return FetchChunksRequest.newBuilder().addAllChunks(chunks).build();
    }

    private List<FetchedChunk> ask(List<WantedChunk> chunks, Duration deadline) {
        List<FetchedChunk> answers = new ArrayList<>();
        Iterator<FetchedChunk> come = NodePeerGrpc.newBlockingStub(channel).withDeadlineAfter(deadline.toMillis(), TimeUnit.MILLISECONDS).fetchChunks(request(chunks));
        come.forEachRemaining(answers::add);
        return answers;
    }

    private List<FetchedChunk> ask(WantedChunk... chunks) {
        return ask(List.of(chunks), PeerService.LONGEST.dividedBy(2));
    }

    @Test
    void eachIsAnsweredInOrderAndWhatIsNotHereIsSaid() {
        WantedChunk here = image.chunks.getFirst();
        WantedChunk unknown = here.toBuilder().setName(ByteString.copyFrom(new byte[32])).build();
        List<WantedChunk> odd =
                List.of(
                        here,
                        unknown,
                        here.toBuilder().setStored(here.getStored() - 1).build(),
                        here.toBuilder().setStored(-1).build(),
                        here.toBuilder().setStored(Integer.MAX_VALUE).build(),
                        here.toBuilder().setName(here.getName().substring(1)).build(),
                        image.chunks.getLast());
        List<FetchedChunk> answers = ask(odd.toArray(WantedChunk[]::new));
        assertThat(answers).extracting(FetchedChunk::getIndex).containsExactly(0, 1, 2, 3, 4, 5, 6);
        assertThat(answers).extracting(answer -> answer.getStored().size()).containsExactly(here.getStored(), 0, 0, 0, 0, 0, image.chunks.getLast().getStored());
        await().atMost(SOON).until(() -> service.free() == MOST_CALLS);
    }

    @Test
    void whoAsksForTooMuchOrForTooLongIsRefused() {
        assertThatThrownBy(() -> ask(Collections.nCopies(PeerService.MOST_CHUNKS + 1, image.chunks.getFirst()), SOON.dividedBy(4))).satisfies(PeerServiceTest::isInvalid);
        assertThatThrownBy(() -> ask(List.of(image.chunks.getFirst()), PeerService.LONGEST.multipliedBy(2))).satisfies(PeerServiceTest::isInvalid);
        assertThatThrownBy(() -> NodePeerGrpc.newBlockingStub(channel).fetchChunks(request(image.chunks.subList(0, 1))).hasNext()).satisfies(PeerServiceTest::isInvalid);
        assertThat(service.free()).isEqualTo(MOST_CALLS);
    }

    private static void isInvalid(Throwable failed) {
        assertThat(Status.fromThrowable(failed).getCode()).isEqualTo(Status.Code.INVALID_ARGUMENT);
    }

    /** Begins a call and reads nothing of its answer. */
    private ClientCall<FetchChunksRequest, FetchedChunk> readNothing(Duration deadline) {
        ClientCall<FetchChunksRequest, FetchedChunk> call = channel.newCall(NodePeerGrpc.getFetchChunksMethod(), CallOptions.DEFAULT.withDeadlineAfter(deadline.toMillis(), TimeUnit.MILLISECONDS));
        call.start(new ClientCall.Listener<>() {}, new Metadata());
        call.sendMessage(request(image.chunks.subList(0, PeerService.MOST_CHUNKS)));
        call.halfClose();
        return call;
    }

    /** What is said to him stops where his stream has no room, and ends with his deadline. */
    @Test
    void whoTakesNothingCostsLittleAndNotForLong() {
        ClientCall<FetchChunksRequest, FetchedChunk> ignored = readNothing(Duration.ofSeconds(3));
        await().atMost(SOON).until(() -> said.get() > 0);
        await().during(Duration.ofMillis(500)).atMost(SOON).until(() -> said.get() <= PeerService.MOST_CHUNKS / 2);
        await().atMost(SOON).until(() -> service.free() == MOST_CALLS);
        assertThat(said.get()).as("4 MiB were asked for, of which nobody read anything").isLessThanOrEqualTo(PeerService.MOST_CHUNKS / 2);
    }

    @Test
    void whoComesWhenThereAreTooManyGoesElsewhere() {
        List<ClientCall<FetchChunksRequest, FetchedChunk>> jam = new ArrayList<>();
        for (int i = 0; i < MOST_CALLS; i++) {
            jam.add(readNothing(Duration.ofSeconds(8)));
        }
        await().atMost(SOON).until(() -> service.free() == 0);
        assertThat(ask(image.chunks.getFirst())).singleElement().satisfies(answer -> assertThat(answer.getStored()).isEmpty());
        jam.forEach(call -> call.cancel("the test goes on", null));
        await().atMost(SOON).until(() -> service.free() == MOST_CALLS);
        assertThat(ask(image.chunks.getFirst())).singleElement().satisfies(answer -> assertThat(answer.getStored()).hasSize(image.chunks.getFirst().getStored()));
    }

    private static List<ChunkPeer.Asked> wanted(List<WantedChunk> chunks) {
        return chunks.stream().map(chunk -> new ChunkPeer.Asked(chunk.getName(), ByteBuffer.allocate(chunk.getStored()))).toList();
    }

    private static ChunkPeer client(int port, Duration patience) {
        return new PeerClient(Peer.newBuilder().setNode("node-1").setAddress("127.0.0.1:" + port).build(), () -> NettyChannelBuilder.forAddress("127.0.0.1", port).usePlaintext().build(), patience);
    }

    @Test
    void whatIsHereComesToWhoAsksForIt() throws Exception {
        List<ChunkPeer.Asked> asked = new ArrayList<>(wanted(image.chunks.subList(0, 3)));
        asked.add(1, new ChunkPeer.Asked(ByteString.copyFrom(new byte[32]), ByteBuffer.allocate(100)));
        try (ChunkPeer peer = client(server.getPort(), PeerService.LONGEST.dividedBy(2))) {
            BitSet given = peer.fetch(asked);
            assertThat(given.stream().boxed()).containsExactly(0, 2, 3);
            assertThat(asked).allSatisfy(one -> assertThat(one.into().hasRemaining()).isEqualTo(one.into().capacity() == 100));
        }
    }

    /** A machine that takes connections and says nothing. */
    @Test
    void whoSaysNothingIsWaitedForAMomentOnly() throws Exception {
        try (ServerSocket silent = new ServerSocket(0, 16, InetAddress.getLoopbackAddress());
                ChunkPeer peer = client(silent.getLocalPort(), Duration.ofMillis(300))) {
            long begin = System.nanoTime();
            assertThatThrownBy(() -> peer.fetch(wanted(image.chunks.subList(0, 1)))).isInstanceOf(IOException.class);
            assertThat(Duration.ofNanos(System.nanoTime() - begin)).isLessThan(SOON);
        }
    }

    @Test
    void whoWaitsIsFreedByTheClose() throws Exception {
        try (ServerSocket silent = new ServerSocket(0, 16, InetAddress.getLoopbackAddress())) {
            ChunkPeer peer = client(silent.getLocalPort(), Duration.ofMinutes(10));
            Thread closer = Thread.ofPlatform().start(() -> {
                await().atMost(SOON).ignoreExceptions().until(() -> silent.accept().isConnected());
                peer.close();
            });
            assertThatThrownBy(() -> peer.fetch(wanted(image.chunks.subList(0, 1)))).isInstanceOf(IOException.class);
            closer.join();
        }
    }

    @Test
    void whoIsNotThereOrHasNoAddressIsAnError() throws Exception {
        int free;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            free = socket.getLocalPort();
        }
        for (String address : List.of("127.0.0.1:" + free, "unix:///run/some.socket", "")) {
            try (ChunkPeer peer = new Peers(Optional.empty()).apply(Peer.newBuilder().setNode("node-1").setAddress(address).build())) {
                assertThatThrownBy(() -> peer.fetch(wanted(image.chunks.subList(0, 1)))).as(address).isInstanceOf(IOException.class);
            }
        }
    }
}
