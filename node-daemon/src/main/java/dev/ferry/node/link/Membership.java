package dev.ferry.node.link;

import dev.ferry.common.PrivateFolder;
import dev.ferry.common.tls.NodeTrust;
import dev.ferry.common.tls.Pem;
import dev.ferry.common.tls.TlsIdentity;
import io.grpc.ManagedChannel;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.ClientAuth;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLException;

/**
 * The node's place in the cluster, in a folder that only root can read: its key and certificate ({@code node.pem}), and
 * the authority by which it knows the coordinator ({@code ca.pem}).
 */
public final class Membership {
    private static final String IDENTITY = "node.pem";
    private static final String AUTHORITY = "ca.pem";
    private static final int MOST_MESSAGE = 64 << 20;
    /** Who takes up a session again shows no certificate. */
    private static final long PEER_SESSION_SECONDS = 15 * 60;

    private final Path folder;
    private final X509Certificate authority;
    private final TlsIdentity identity;

    private Membership(Path folder, X509Certificate authority, TlsIdentity identity) {
        this.folder = folder;
        this.authority = authority;
        this.identity = identity;
    }

    /**
     * The place that the node has; empty: it has not joined.
     *
     * @throws dev.ferry.common.FerryException CONFIG_INVALID when a file is damaged
     */
    public static Optional<Membership> open(Path folder) {
        Path file = folder.resolve(IDENTITY);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        X509Certificate authority = Pem.readCertificates(folder.resolve(AUTHORITY)).getFirst();
        return Optional.of(new Membership(folder, authority, new TlsIdentity(Pem.readKey(file), Pem.readCertificates(file))));
    }

    /** Writes down what a node that joined has. */
    static Membership create(Path folder, X509Certificate authority, PrivateKey key, List<X509Certificate> chain) throws IOException {
        PrivateFolder.close(folder);
        Pem.writeCertificates(folder.resolve(AUTHORITY), List.of(authority));
        Pem.writeIdentity(folder.resolve(IDENTITY), key, chain);
        return new Membership(folder, authority, new TlsIdentity(key, chain));
    }

    /** Takes a new certificate, for connections from now on and for the next start. */
    void replace(PrivateKey key, List<X509Certificate> chain) throws IOException {
        Pem.writeIdentity(folder.resolve(IDENTITY), key, chain);
        identity.replace(key, chain);
    }

    X509Certificate certificate() {
        return identity.certificate();
    }

    /** Two thirds of the certificate's lifetime are over: there is time for many tries. */
    boolean isRenewalDue(Instant now) {
        Instant begin = certificate().getNotBefore().toInstant();
        Instant end = end();
        return now.isAfter(begin.plus(Duration.between(begin, end).multipliedBy(2).dividedBy(3)));
    }

    /** When the certificate expires, unless it is renewed before. */
    public Instant end() {
        return certificate().getNotAfter().toInstant();
    }

    /** A channel to the coordinator, which must show a certificate of the authority for the name that it is called by. */
    public ManagedChannel channel(String coordinator) {
        return secured(coordinator, authority, Optional.of(identity));
    }

    /** For a server that other nodes call: who has no node's certificate of the authority is not let in. */
    public SslContext toPeers() {
        return built(GrpcSslContexts.configure(SslContextBuilder.forServer(identity), SslProvider.JDK).trustManager(new NodeTrust(authority, Optional.empty())).sessionTimeout(PEER_SESSION_SECONDS).clientAuth(ClientAuth.REQUIRE));
    }

    /** For a channel to another node, which must show its own certificate; a host name is not compared. */
    public SslContext toPeer(String node) {
        return built(GrpcSslContexts.configure(SslContextBuilder.forClient(), SslProvider.JDK).trustManager(new NodeTrust(authority, Optional.of(node))).keyManager(identity));
    }

    private static SslContext built(SslContextBuilder builder) {
        try {
            return builder.protocols("TLSv1.3").build();
        } catch (SSLException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    static ManagedChannel secured(String coordinator, X509Certificate authority, Optional<TlsIdentity> identity) {
        SslContextBuilder builder = GrpcSslContexts.configure(SslContextBuilder.forClient(), SslProvider.JDK).trustManager(authority);
        identity.ifPresent(builder::keyManager);
        return NettyChannelBuilder.forTarget(coordinator).sslContext(built(builder)).maxInboundMessageSize(MOST_MESSAGE).build();
    }

    /** A channel without TLS. */
    public static ManagedChannel plain(String coordinator) {
        return NettyChannelBuilder.forTarget(coordinator).usePlaintext().maxInboundMessageSize(MOST_MESSAGE).build();
    }
}
