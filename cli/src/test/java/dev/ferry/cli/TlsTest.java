package dev.ferry.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.Configs;
import dev.ferry.common.FerryException;
import com.google.protobuf.ByteString;
import dev.ferry.common.tls.Keys;
import dev.ferry.common.tls.Pem;
import dev.ferry.common.tls.TlsIdentity;
import dev.ferry.coordinator.Coordinator;
import dev.ferry.coordinator.CoordinatorConfig;
import dev.ferry.coordinator.access.CertificateAuthority;
import dev.ferry.coordinator.api.ErrorTransport;
import dev.ferry.node.link.Joining;
import dev.ferry.node.link.Membership;
import dev.ferry.node.link.Renewal;
import dev.ferry.proto.v1.AccessGrpc;
import dev.ferry.proto.v1.CreateJoinTokenRequest;
import dev.ferry.proto.v1.DeclareNodeDeadRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.FromNode;
import dev.ferry.proto.v1.GetNodeRequest;
import dev.ferry.proto.v1.GetServerRequest;
import dev.ferry.proto.v1.Hello;
import dev.ferry.proto.v1.ListJobsRequest;
import dev.ferry.proto.v1.ListNodesRequest;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeKey;
import dev.ferry.proto.v1.NodeLinkGrpc;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.RevokeNodeRequest;
import dev.ferry.proto.v1.ToNode;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyPair;
import java.security.KeyStore;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** A real coordinator with TLS: who is who, on both sides. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TlsTest {
    private static final Duration SOON = Duration.ofSeconds(20);

    @TempDir static Path folder;
    private Coordinator coordinator;
    private String server;
    private Path authority;
    private Client admin;

    @BeforeAll
    void open() throws Exception {
        String yaml =
                "data: " + folder.resolve("data") + "\ngrpcListen: 127.0.0.1:0\nhttpListen: 127.0.0.1:0\nheartbeat: 100ms\nnodeTimeout: 2s\nstore: {url: \"file://" + folder.resolve("store") + "\"}\n"
                        + "security: {nodeCertificate: 10s}\n";
        coordinator = Coordinator.start(Configs.parse(yaml, "the test", CoordinatorConfig.defaults()));
        server = "127.0.0.1:" + coordinator.grpcPort();
        Path access = folder.resolve("data").resolve("access");
        authority = access.resolve("ca.pem");
        admin = new Client(server, new Access(Optional.of(Access.read(access.resolve("token"))), Optional.of(authority), false, Optional.empty()));
    }

    @AfterAll
    void close() {
        admin.close();
        coordinator.close();
    }

    /** The socket is asked in place of an address at which nobody is, and wants a token as any port does. */
    @Test
    void aCommandLineOfTheSameUserComesByTheSocket() throws IOException {
        Path socket = folder.resolve("data").resolve("access").resolve("socket");
        assertThat(Files.getPosixFilePermissions(socket)).isEqualTo(PosixFilePermissions.fromString("rw-------"));
        Optional<String> token = Optional.of(Access.read(socket.resolveSibling("token")));
        try (Client client = new Client("127.0.0.1:1", new Access(token, Optional.empty(), false, Optional.of(socket)))) {
            assertThat(client.ask(stub -> stub.getServer(GetServerRequest.getDefaultInstance())).getVersion()).isNotEmpty();
            assertThat(client.administrate(stub -> stub.createJoinToken(CreateJoinTokenRequest.newBuilder().setNode("audited").setLifetimeSeconds(1).build())).getSecret()).isNotEmpty();
        }
        assertThat(Files.readString(folder.resolve("data").resolve("audit.jsonl"))).contains("local socket");
        try (Client client = new Client("127.0.0.1:1", new Access(Optional.empty(), Optional.empty(), false, Optional.of(socket)))) {
            assertThat(code(() -> client.ask(stub -> stub.getServer(GetServerRequest.getDefaultInstance())))).isEqualTo(ErrorCode.UNAUTHENTICATED);
        }
    }

    /** A coordinator that was killed leaves its socket, on which nobody answers. */
    @Test
    void aDeadSocketIsPassedOver() throws IOException {
        Path dead = folder.resolve("dead");
        try (ServerSocketChannel left = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            left.bind(UnixDomainSocketAddress.of(dead));
        }
        assertThat(dead).exists();
        Optional<String> token = Optional.of(Access.read(folder.resolve("data").resolve("access").resolve("token")));
        try (Client client = new Client(server, new Access(token, Optional.of(authority), false, Optional.of(dead)))) {
            assertThat(client.ask(stub -> stub.getServer(GetServerRequest.getDefaultInstance())).getVersion()).isNotEmpty();
        }
    }

    private String invite(String node, long seconds) {
        return admin.administrate(stub -> stub.createJoinToken(CreateJoinTokenRequest.newBuilder().setNode(node).setLifetimeSeconds(seconds).build())).getSecret();
    }

    private Membership join(String node) throws IOException {
        return Joining.join(folder.resolve(node), node, server, invite(node, 60));
    }

    private static ErrorCode code(org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
        FerryException[] caught = new FerryException[1];
        assertThatThrownBy(call).isInstanceOfSatisfying(FerryException.class, failed -> caught[0] = failed);
        return caught[0].code();
    }

    private static ErrorCode refusal(org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
        StatusRuntimeException[] caught = new StatusRuntimeException[1];
        assertThatThrownBy(call).isInstanceOfSatisfying(StatusRuntimeException.class, failed -> caught[0] = failed);
        return ErrorTransport.toError(caught[0], "the test").code();
    }

    /** How a stream of a node that says Hello under a name goes: a welcome, or an error. */
    private static CompletableFuture<Boolean> hello(ManagedChannel channel, String name) {
        CompletableFuture<Boolean> welcome = new CompletableFuture<>();
        say(connect(channel, welcome), name);
        return welcome;
    }

    private static void say(StreamObserver<FromNode> stream, String name) {
        stream.onNext(FromNode.newBuilder().setHello(Hello.newBuilder().setNode(name)).build());
    }

    private static StreamObserver<FromNode> connect(ManagedChannel channel, CompletableFuture<Boolean> welcome) {
        return NodeLinkGrpc.newStub(channel)
                        .connect(
                                new StreamObserver<>() {
                                    @Override
                                    public void onNext(ToNode message) {
                                        welcome.complete(message.hasWelcome());
                                    }

                                    @Override
                                    public void onError(Throwable failure) {
                                        welcome.completeExceptionally(failure);
                                    }

                                    @Override
                                    public void onCompleted() {
                                        welcome.complete(false);
                                    }
                                });
    }

    private static ErrorCode refused(CompletableFuture<Boolean> welcome) {
        Throwable[] caught = new Throwable[1];
        assertThatThrownBy(() -> welcome.get(20, TimeUnit.SECONDS)).satisfies(failed -> caught[0] = failed.getCause());
        return ErrorTransport.toError((StatusRuntimeException) caught[0], "the test").code();
    }

    @Test
    void aCommandLineKnowsTheCoordinatorByItsAuthorityAlone() throws Exception {
        assertThat(admin.ask(stub -> stub.getServer(GetServerRequest.getDefaultInstance())).getVersion()).isNotEmpty();
        CertificateAuthority other = CertificateAuthority.create(folder.resolve("other"));
        assertThat(other.certificate()).isNotNull();
        for (Optional<Path> trusted : java.util.List.of(Optional.<Path>empty(), Optional.of(folder.resolve("other").resolve("ca.pem")))) {
            try (Client client = new Client(server, new Access(Optional.empty(), trusted, false, Optional.empty()))) {
                assertThat(code(() -> client.ask(stub -> stub.getServer(GetServerRequest.getDefaultInstance())))).isEqualTo(ErrorCode.COORDINATOR_UNREACHABLE);
            }
        }
        assertThat(code(() -> new Client("192.0.2.1:7070", new Access(Optional.of("secret"), Optional.empty(), false, Optional.empty())))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
        new Client("192.0.2.1:7070", new Access(Optional.of("secret"), Optional.of(authority), false, Optional.empty())).close();
    }

    private SSLContext trusting() throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        store.setCertificateEntry("authority", Pem.readCertificates(authority).getFirst());
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, factory.getTrustManagers(), null);
        return context;
    }

    @Test
    void httpSpeaksTls13AndNothingOlder() throws Exception {
        HttpRequest health = HttpRequest.newBuilder(URI.create("https://127.0.0.1:" + coordinator.httpPort() + "/healthz")).timeout(SOON).build();
        try (HttpClient http = HttpClient.newBuilder().sslContext(trusting()).build()) {
            HttpResponse<String> answer = http.send(health, HttpResponse.BodyHandlers.ofString());
            assertThat(answer.body()).isEqualTo("ok\n");
            assertThat(answer.sslSession().orElseThrow().getProtocol()).isEqualTo("TLSv1.3");
        }
        SSLParameters old = new SSLParameters();
        old.setProtocols(new String[] {"TLSv1.2"});
        try (HttpClient http = HttpClient.newBuilder().sslContext(trusting()).sslParameters(old).build()) {
            assertThatThrownBy(() -> http.send(health, HttpResponse.BodyHandlers.ofString())).isInstanceOf(SSLException.class);
        }
    }

    @Test
    void aNodeSpeaksForItselfAndForNobodyElse() throws Exception {
        Membership membership = join("node-1");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.resolve("node-1").resolve("node.pem")))).isEqualTo("rw-------");
        ManagedChannel channel = membership.channel(server);
        try {
            assertThat(hello(channel, "node-1").get(20, TimeUnit.SECONDS)).isTrue();
            assertThat(refused(hello(channel, "node-2"))).isEqualTo(ErrorCode.FORBIDDEN);
            assertThat(admin.ask(stub -> stub.listNodes(ListNodesRequest.getDefaultInstance())).getNodesList()).extracting(Node::getName).contains("node-1").doesNotContain("node-2");
            assertThat(refusal(() -> FerryGrpc.newBlockingStub(channel).listJobs(ListJobsRequest.getDefaultInstance()))).isEqualTo(ErrorCode.UNAUTHENTICATED);
        } finally {
            channel.shutdownNow();
        }
        assertThat(Membership.open(folder.resolve("node-1"))).isPresent();
    }

    @Test
    void whoShowsNoCertificateIsNoNode() {
        String token = Access.read(folder.resolve("data").resolve("access").resolve("token"));
        assertThat(code(() -> admin.administrate(stub -> stub.renewNode(NodeKey.getDefaultInstance())))).isEqualTo(ErrorCode.UNAUTHENTICATED);
        assertThat(code(() -> admin.administrate(stub -> stub.joinNode(NodeKey.getDefaultInstance())))).as("an administrator's token is no join token").isEqualTo(ErrorCode.UNAUTHENTICATED);
        assertThat(code(() -> Joining.join(folder.resolve("none"), "none", server, token))).isEqualTo(ErrorCode.JOIN_REFUSED);
        assertThat(folder.resolve("none")).doesNotExist();
    }

    /** Its certificate has not expired, and is good for nothing. */
    @Test
    void aRevokedNodeJoinsAnewByANewTokenInItsConfiguration() throws Exception {
        Path place = folder.resolve("back");
        String first = invite("back", 60);
        assertThat(Joining.ensure(place, "back", server, first).end()).isAfter(Instant.now());
        String before = Files.readString(place.resolve("node.pem"));
        assertThat(Joining.ensure(place, "back", server, first).end()).isAfter(Instant.now());
        assertThat(Files.readString(place.resolve("node.pem"))).as("the token that it joined by is not shown again").isEqualTo(before);
        var unused = admin.administrate(stub -> stub.revokeNode(RevokeNodeRequest.newBuilder().setNode("back").build()));
        Membership anew = Joining.ensure(place, "back", server, invite("back", 60));
        String after = Files.readString(place.resolve("node.pem"));
        assertThat(after).isNotEqualTo(before);
        ManagedChannel channel = anew.channel(server);
        try {
            assertThat(hello(channel, "back").get(20, TimeUnit.SECONDS)).isTrue();
        } finally {
            channel.shutdownNow();
        }
        assertThat(Joining.ensure(place, "back", server, invite("another", 60)).end()).isAfter(Instant.now());
        assertThat(Files.readString(place.resolve("node.pem"))).as("a token that is refused takes nothing away").isEqualTo(after);
    }

    @Test
    void aJoinTokenIsGoodForOneMachineOneNameAndATime() throws Exception {
        String any = invite("", 60);
        Membership first = Joining.join(folder.resolve("any"), "any", server, any);
        assertThat(first.end()).isAfter(Instant.now());
        assertThat(code(() -> Joining.join(folder.resolve("again"), "again", server, any))).as("used").isEqualTo(ErrorCode.JOIN_REFUSED);
        assertThat(code(() -> Joining.join(folder.resolve("taken"), "any", server, invite("", 60)))).as("the name is taken").isEqualTo(ErrorCode.JOIN_REFUSED);
        assertThat(code(() -> Joining.join(folder.resolve("other-name"), "b", server, invite("a", 60)))).as("of another name").isEqualTo(ErrorCode.JOIN_REFUSED);
        String pinned = invite("", 60);
        String otherAuthority = pinned.substring(0, pinned.length() - 2) + (pinned.endsWith("00") ? "11" : "00");
        assertThat(code(() -> Joining.join(folder.resolve("pin"), "pin", server, otherAuthority))).as("of another authority").isEqualTo(ErrorCode.JOIN_REFUSED);
        String brief = invite("brief", 1);
        await().atMost(SOON).untilAsserted(() -> assertThat(code(() -> Joining.join(folder.resolve("brief"), "brief", server, brief))).isEqualTo(ErrorCode.JOIN_REFUSED));
        ManagedChannel before = first.channel(server);
        try {
            Membership second = Joining.join(folder.resolve("replaced"), "any", server, invite("any", 60));
            assertThat(second.end()).isAfter(Instant.now());
            assertThat(refused(hello(before, "any"))).as("the machine that was replaced").isEqualTo(ErrorCode.UNAUTHENTICATED);
        } finally {
            before.shutdownNow();
        }
    }

    /** Whoever has joined once would else have any name, and be back after he was put out. */
    @Test
    void aJoinTokenThatWasUsedIsGoodForNothingAlsoWithTheSameKey() throws Exception {
        Membership honest = join("joined-once");
        String invitation = invite("", 60);
        KeyPair pair = Keys.generate();
        assertThat(joinWith(invitation, "taker", pair)).isEmpty();
        for (String name : java.util.List.of("taker", "joined-once", "another")) {
            assertThat(joinWith(invitation, name, pair)).as(name).contains(ErrorCode.JOIN_REFUSED);
        }
        ManagedChannel channel = honest.channel(server);
        try {
            assertThat(hello(channel, "joined-once").get(20, TimeUnit.SECONDS)).isTrue();
        } finally {
            channel.shutdownNow();
        }
    }

    private Optional<ErrorCode> joinWith(String invitation, String node, KeyPair pair) throws Exception {
        String shown = invitation.substring(0, invitation.lastIndexOf('_'));
        NodeKey asked =
                NodeKey.newBuilder()
                        .setNode(node)
                        .setPublicKey(ByteString.copyFrom(pair.getPublic().getEncoded()))
                        .setProof(ByteString.copyFrom(Keys.prove(pair.getPrivate(), node, shown.split("_", 3)[1], pair.getPublic().getEncoded())))
                        .build();
        try (Client client = new Client(server, new Access(Optional.of(shown), Optional.of(authority), false, Optional.empty()))) {
            var ignored = client.administrate(stub -> stub.joinNode(asked));
            return Optional.empty();
        } catch (FerryException refused) {
            return Optional.of(refused.code());
        }
    }

    @Test
    void aCertificateIsRenewedByItself() throws Exception {
        Membership membership = join("renewed");
        Instant first = membership.end();
        try (Renewal renewal = new Renewal(membership, "renewed", server)) {
            assertThat(renewal).isNotNull();
            await().atMost(SOON).until(() -> membership.end().isAfter(first.plusSeconds(1)));
        }
        ManagedChannel channel = Membership.open(folder.resolve("renewed")).orElseThrow().channel(server);
        try {
            assertThat(hello(channel, "renewed").get(20, TimeUnit.SECONDS)).isTrue();
        } finally {
            channel.shutdownNow();
        }
    }

    @Test
    void aRevokedNodeIsOut() throws Exception {
        ManagedChannel channel = join("revoked").channel(server);
        try {
            assertThat(hello(channel, "revoked").get(20, TimeUnit.SECONDS)).isTrue();
            CompletableFuture<Boolean> spare = new CompletableFuture<>();
            StreamObserver<FromNode> silent = connect(channel, spare);
            assertThat(admin.administrate(stub -> stub.revokeNode(RevokeNodeRequest.newBuilder().setNode("revoked").build())).getRevokedAt()).isPositive();
            assertThat(refused(hello(channel, "revoked"))).isEqualTo(ErrorCode.UNAUTHENTICATED);
            say(silent, "revoked");
            assertThat(refused(spare)).as("a stream that was opened before").isEqualTo(ErrorCode.UNAUTHENTICATED);
            assertThat(refusal(() -> AccessGrpc.newBlockingStub(channel).renewNode(NodeKey.newBuilder().setNode("revoked").build()))).isEqualTo(ErrorCode.UNAUTHENTICATED);
        } finally {
            channel.shutdownNow();
        }
    }

    @Test
    void aRemovedNodeIsOutUntilAMachineJoinsUnderItsNameByATokenForIt() throws Exception {
        Membership membership = join("removed");
        ManagedChannel first = membership.channel(server);
        assertThat(hello(first, "removed").get(20, TimeUnit.SECONDS)).isTrue();
        first.shutdownNow();
        DeclareNodeDeadRequest dead = DeclareNodeDeadRequest.newBuilder().setNode("removed").setChecked(true).build();
        await().atMost(SOON).ignoreExceptions().until(() -> admin.ask(stub -> stub.declareNodeDead(dead)).getState() == NodeState.DEAD);
        assertThat(admin.ask(stub -> stub.removeNode(GetNodeRequest.newBuilder().setNode("removed").build())).getState()).isEqualTo(NodeState.DEAD);
        assertThat(admin.ask(stub -> stub.listNodes(ListNodesRequest.getDefaultInstance())).getNodesList()).extracting(Node::getName).doesNotContain("removed");
        ManagedChannel again = membership.channel(server);
        try {
            assertThat(refused(hello(again, "removed"))).isEqualTo(ErrorCode.UNAUTHENTICATED);
        } finally {
            again.shutdownNow();
        }
        ManagedChannel anew = Joining.join(folder.resolve("removed-anew"), "removed", server, invite("removed", 60)).channel(server);
        try {
            assertThat(hello(anew, "removed").get(20, TimeUnit.SECONDS)).isTrue();
        } finally {
            anew.shutdownNow();
        }
    }

    @Test
    void aNodeCanNotPlayTheCoordinator() throws Exception {
        Membership membership = join("impostor");
        assertThat(membership.end()).isAfter(Instant.now());
        Path file = folder.resolve("impostor").resolve("node.pem");
        SSLContext context = SSLContext.getInstance("TLSv1.3");
        context.init(new KeyManager[] {new TlsIdentity(Pem.readKey(file), Pem.readCertificates(file))}, null, null);
        try (SSLServerSocket listening = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(0, 1, java.net.InetAddress.getLoopbackAddress())) {
            Thread impostor =
                    Thread.ofPlatform()
                            .daemon()
                            .start(
                                    () -> {
                                        try (SSLSocket accepted = (SSLSocket) listening.accept()) {
                                            accepted.startHandshake();
                                        } catch (IOException expected) {
                                            // The client does not believe it.
                                        }
                                    });
            try (SSLSocket socket = (SSLSocket) trusting().getSocketFactory().createSocket("127.0.0.1", listening.getLocalPort())) {
                assertThatThrownBy(socket::startHandshake).isInstanceOf(SSLException.class).hasStackTraceContaining("Extended key usage does not permit use for TLS server authentication");
            }
            assertThat(impostor.join(SOON)).isTrue();
        }
    }

    @Test
    void nothingListensWhereOthersCouldComeInWithoutProtection() {
        for (String security : java.util.List.of("{tls: false}", "{tokens: false}", "{tls: false, tokens: false}")) {
            assertThatThrownBy(() -> Configs.parse("grpcListen: 0.0.0.0:7070\nsecurity: " + security, "the test", CoordinatorConfig.defaults()))
                    .hasMessageContaining("0.0.0.0 can be reached from other machines")
                    .hasMessageContaining("insecure: true");
            assertThat(Configs.parse("security: " + security, "the test", CoordinatorConfig.defaults()).httpListen()).isEqualTo("127.0.0.1:7080");
        }
        assertThat(Configs.parse("httpListen: 0.0.0.0:7080\nsecurity: {tls: false, insecure: true}", "the test", CoordinatorConfig.defaults()).security().insecure()).isTrue();
        assertThat(Configs.parse("grpcListen: 0.0.0.0:7070", "the test", CoordinatorConfig.defaults()).security().insecure()).isFalse();
    }
}
