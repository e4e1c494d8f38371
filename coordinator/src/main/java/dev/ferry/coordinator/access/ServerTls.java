package dev.ferry.coordinator.access;

import dev.ferry.common.Scheduler;
import dev.ferry.common.tls.Keys;
import dev.ferry.common.tls.TlsIdentity;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.netty.handler.ssl.ClientAuth;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslProvider;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.security.KeyPair;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import javax.net.ssl.SSLException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The coordinator's side of TLS: its own certificate, for the addresses that it listens on, made anew at each start and long before it expires. */
public final class ServerTls implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ServerTls.class);
    private static final Duration LIFETIME = Duration.ofDays(30);
    private static final Duration RENEWED_AFTER = Duration.ofDays(10);

    private final CertificateAuthority authority;
    private final List<String> names;
    private final Scheduler scheduler;
    private final TlsIdentity identity;
    private volatile boolean closed;

    /**
     * @param listens addresses that it listens on, without their ports
     * @param more names that clients know it by beside these
     */
    public ServerTls(CertificateAuthority authority, List<String> listens, List<String> more, Scheduler scheduler) {
        this.authority = authority;
        this.scheduler = scheduler;
        Set<String> all = new LinkedHashSet<>(List.of("localhost"));
        listens.forEach(listen -> all.addAll(names(listen)));
        all.addAll(more);
        names = List.copyOf(all);
        KeyPair pair = Keys.generate();
        identity = new TlsIdentity(pair.getPrivate(), authority.server(pair.getPublic(), names, LIFETIME));
        renewLater();
    }

    private void renewLater() {
        Scheduler.Timer ignored =
                scheduler.after(
                        RENEWED_AFTER,
                        () -> {
                            if (closed) {
                                return;
                            }
                            try {
                                KeyPair pair = Keys.generate();
                                identity.replace(pair.getPrivate(), authority.server(pair.getPublic(), names, LIFETIME));
                                LOG.info("the coordinator's certificate was renewed");
                            } finally {
                                renewLater();
                            }
                        });
    }

    /** What clients may call a server that listens there: of a wildcard all names and addresses of the machine. */
    private static List<String> names(String listen) {
        List<String> found = new ArrayList<>();
        try {
            InetAddress address = InetAddress.getByName(listen);
            if (!address.isAnyLocalAddress()) {
                found.add(listen);
                found.add(plain(address));
                return found;
            }
            found.add(InetAddress.getLocalHost().getHostName());
            found.add(InetAddress.getLocalHost().getCanonicalHostName());
            for (NetworkInterface each : Collections.list(NetworkInterface.getNetworkInterfaces())) {
                Collections.list(each.getInetAddresses()).forEach(one -> found.add(plain(one)));
            }
        } catch (UnknownHostException | SocketException unknown) {
            LOG.warn("not all names of this machine are known, clients may not accept the certificate under each: {}", unknown.toString());
        }
        return found;
    }

    private static String plain(InetAddress address) {
        String text = address.getHostAddress();
        return text.contains("%") ? text.substring(0, text.indexOf('%')) : text;
    }

    /** For the HTTP server. */
    public TlsIdentity identity() {
        return identity;
    }

    /** For the gRPC server: who shows a certificate must have one of this authority; who shows none needs a token. */
    public SslContext context() {
        try {
            return GrpcSslContexts.configure(SslContextBuilder.forServer(identity), SslProvider.JDK)
                    .trustManager(authority.certificate())
                    .clientAuth(ClientAuth.OPTIONAL)
                    .protocols("TLSv1.3")
                    .build();
        } catch (SSLException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    @Override
    public void close() {
        closed = true;
    }
}
