package dev.ferry.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import dev.ferry.common.tls.Keys;
import dev.ferry.common.tls.NodeTrust;
import dev.ferry.common.tls.Pem;
import dev.ferry.coordinator.access.CertificateAuthority;
import dev.ferry.node.link.Membership;
import dev.ferry.node.peers.PeerServer;
import dev.ferry.node.peers.Peers;
import dev.ferry.node.peers.PeersConfig;
import dev.ferry.proto.v1.FetchChunksRequest;
import dev.ferry.proto.v1.NodePeerGrpc;
import dev.ferry.proto.v1.Peer;
import dev.ferry.proto.v1.WantedChunk;
import dev.ferry.storage.ChunkPeer;
import dev.ferry.storage.image.ChunkCache;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslProvider;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who may ask a node for chunks, and whom a node asks: by certificates of real authorities. */
class PeerTlsTest {
    private static final Duration LIFETIME = Duration.ofDays(1);
    private static final long PATIENCE_SECONDS = 9;

    @TempDir private Path folder;
    private CertificateAuthority authority;
    private ChunkCache cache;
    private PeerServer server;

    private interface Signer {
        List<X509Certificate> sign(KeyPair pair);
    }

    @BeforeEach
    void open() throws Exception {
        authority = CertificateAuthority.create(folder.resolve("authority"));
        cache = ChunkCache.open(folder.resolve("chunks"), 1 << 20);
        server = serve(node(authority, "node-1"));
    }

    @AfterEach
    void close() {
        server.close();
        cache.close();
    }

    /** Someone with a certificate, and the authority whom he trusts. */
    private Membership member(String place, X509Certificate trusted, Signer signer) throws IOException {
        Path pki = Files.createDirectories(folder.resolve(place));
        KeyPair pair = Keys.generate();
        Pem.writeCertificates(pki.resolve("ca.pem"), List.of(trusted));
        Pem.writeIdentity(pki.resolve("node.pem"), pair.getPrivate(), signer.sign(pair));
        return Membership.open(pki).orElseThrow();
    }

    private Membership node(CertificateAuthority signer, String name) throws IOException {
        return member(name, signer.certificate(), pair -> signer.node(pair.getPublic(), name, LIFETIME));
    }

    private Membership coordinator(String place) throws IOException {
        return member(place, authority.certificate(), pair -> authority.server(pair.getPublic(), List.of("127.0.0.1", "localhost"), LIFETIME));
    }

    private PeerServer serve(Membership member) {
        return PeerServer.start(new PeersConfig("127.0.0.1:0", ""), Optional.of(member), Optional.of(cache)).orElseThrow();
    }

    /** Asks for a chunk that is not there: who is let in is told so. */
    private static void ask(Membership member, String node, String address) throws IOException {
        try (ChunkPeer peer = new Peers(Optional.of(member)).apply(Peer.newBuilder().setNode(node).setAddress(address).build())) {
            assertThat(peer.fetch(List.of(new ChunkPeer.Asked(ByteString.copyFrom(new byte[32]), ByteBuffer.allocate(10)))).isEmpty()).isTrue();
        }
    }

    private void assertRefused(Membership member) {
        assertThatThrownBy(() -> ask(member, "node-1", server.address())).isInstanceOf(IOException.class).hasMessageContaining("UNAVAILABLE");
    }

    @Test
    void aNodeOfTheClusterIsLetIn() throws IOException {
        ask(node(authority, "node-2"), "node-1", server.address());
    }

    @Test
    void nobodyElseIs() throws Exception {
        CertificateAuthority other = CertificateAuthority.create(folder.resolve("other-authority"));
        assertRefused(member("stranger", authority.certificate(), pair -> other.node(pair.getPublic(), "node-2", LIFETIME)));
        assertRefused(coordinator("coordinator"));
        assertRefused(member("expired", authority.certificate(), pair -> authority.node(pair.getPublic(), "node-2", Duration.ofMinutes(-10))));
    }

    @Test
    void whoShowsNoCertificateIsNot() throws Exception {
        SslContext nameless = GrpcSslContexts.configure(SslContextBuilder.forClient(), SslProvider.JDK).trustManager(new NodeTrust(authority.certificate(), Optional.empty())).protocols("TLSv1.3").build();
        int port = Integer.parseInt(server.address().substring(server.address().lastIndexOf(':') + 1));
        for (ManagedChannel channel : List.of(NettyChannelBuilder.forAddress("127.0.0.1", port).sslContext(nameless).build(), NettyChannelBuilder.forAddress("127.0.0.1", port).usePlaintext().build())) {
            try {
                FetchChunksRequest request = FetchChunksRequest.newBuilder().addChunks(WantedChunk.newBuilder().setStored(10)).build();
                assertThatThrownBy(() -> NodePeerGrpc.newBlockingStub(channel).withDeadlineAfter(PATIENCE_SECONDS, TimeUnit.SECONDS).fetchChunks(request).hasNext())
                        .satisfies(failed -> assertThat(Status.fromThrowable(failed).getCode()).isEqualTo(Status.Code.UNAVAILABLE));
            } finally {
                channel.shutdownNow();
            }
        }
    }

    /** Whoever answers at the address that an order names. */
    @Test
    void onlyTheNodeThatTheOrderNamesIsBelieved() throws Exception {
        Membership asking = node(authority, "node-2");
        assertThatThrownBy(() -> ask(asking, "node-3", server.address())).isInstanceOf(IOException.class);
        CertificateAuthority other = CertificateAuthority.create(folder.resolve("other-authority"));
        Membership stranger = member("stranger", authority.certificate(), pair -> other.node(pair.getPublic(), "node-1", LIFETIME));
        for (Membership liar : List.of(stranger, coordinator("coordinator"))) {
            try (PeerServer played = serve(liar)) {
                assertThatThrownBy(() -> ask(asking, "node-1", played.address())).isInstanceOf(IOException.class);
            }
        }
    }

    @Test
    void aNodeWithoutCacheServesNothing() throws IOException {
        Membership member = node(authority, "node-4");
        assertThat(PeerServer.start(new PeersConfig("127.0.0.1:0", ""), Optional.of(member), Optional.empty())).isEmpty();
        assertThat(PeerServer.start(PeersConfig.defaults(), Optional.of(member), Optional.of(cache))).isEmpty();
        assertThat(PeerServer.start(new PeersConfig(server.address(), ""), Optional.of(member), Optional.of(cache))).as("its port is taken, and its jobs live on").isEmpty();
    }
}
