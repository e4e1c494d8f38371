package dev.ferry.coordinator;

import dev.ferry.common.FerryException;
import dev.ferry.common.Scheduler;
import dev.ferry.coordinator.access.CertificateAuthority;
import dev.ferry.coordinator.access.ServerTls;
import dev.ferry.proto.v1.ErrorCode;
import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/** The addresses on which a coordinator listens for daemons and the command line. */
public final class GrpcPorts {
    private static final int MOST_MESSAGE = 64 << 20;

    private GrpcPorts() {}

    /** A server on all of them, that lacks its services. */
    public static NettyServerBuilder builder(CoordinatorConfig config, Optional<ServerTls> tls) {
        List<InetSocketAddress> listens = listens(config);
        NettyServerBuilder builder = NettyServerBuilder.forAddress(listens.getFirst());
        listens.subList(1, listens.size()).forEach(builder::addListenAddress);
        tls.ifPresent(secured -> builder.sslContext(secured.context()));
        return shape(builder);
    }

    /** What holds for a server wherever it listens. */
    static NettyServerBuilder shape(NettyServerBuilder builder) {
        return builder.executor(Executors.newVirtualThreadPerTaskExecutor())
                .maxInboundMessageSize(MOST_MESSAGE)
                .permitKeepAliveTime(5, TimeUnit.SECONDS)
                .permitKeepAliveWithoutCalls(true);
    }

    /** What a coordinator shows of itself on its ports; empty: it speaks without TLS. */
    public static Optional<ServerTls> tls(CoordinatorConfig config, Optional<CertificateAuthority> authority, Scheduler scheduler) {
        return authority.map(signer -> new ServerTls(signer, config.listenHosts(), config.security().serverNames(), scheduler));
    }

    /** Who signs the certificates; empty: there are none. */
    public static Optional<CertificateAuthority> authority(CoordinatorConfig config) throws IOException {
        return config.security().tls() ? Optional.of(CertificateAuthority.openOrCreate(config.pki())) : Optional.empty();
    }

    private static List<InetSocketAddress> listens(CoordinatorConfig config) {
        return Arrays.stream(config.grpcListen().split(",", -1)).map(String::trim).map(GrpcPorts::address).toList();
    }

    /** The address of a host:port text. */
    public static InetSocketAddress address(String text) {
        int colon = text.lastIndexOf(':');
        return new InetSocketAddress(text.substring(0, colon).replaceAll("^\\[|\\]$", ""), Integer.parseInt(text.substring(colon + 1)));
    }

    /**
     * @throws FerryException CONFIG_INVALID when an address can't be listened on
     */
    public static void listen(Server server, CoordinatorConfig config) {
        try {
            server.start();
        } catch (IOException failed) {
            throw new FerryException(ErrorCode.CONFIG_INVALID, "grpcListen: can't listen on " + config.grpcListen() + ": " + rootMessage(failed), failed);
        }
    }

    /** Ends a server: calls have so long to come to their end by themselves. */
    public static void end(Server server, long orderlySeconds) throws InterruptedException {
        server.shutdown();
        if (!server.awaitTermination(orderlySeconds, TimeUnit.SECONDS)) {
            server.shutdownNow();
            boolean ignored = server.awaitTermination(orderlySeconds, TimeUnit.SECONDS);
        }
    }

    /**
     * Where command lines on this machine may ask for a coordinator: at each address in grpcListen, at what it advertises, and for a wildcard by loopback too.
     *
     * @param first port of the first address in grpcListen
     */
    public static Set<String> local(CoordinatorConfig config, int first) {
        Set<String> found = new LinkedHashSet<>();
        for (String listen : config.withPorts(first, 0).grpcListen().split(",", -1)) {
            found.add(listen.trim());
            InetSocketAddress address = address(listen.trim());
            // A name that is not known can't be listened on, and is no wildcard.
            if (!address.isUnresolved() && address.getAddress().isAnyLocalAddress()) {
                found.add("127.0.0.1:" + address.getPort());
                found.add("[::1]:" + address.getPort());
            }
        }
        if (!config.advertise().isEmpty()) {
            found.add(config.advertise());
        }
        // Which port is taken for a later address with port 0 nobody is told.
        found.removeIf(each -> each.endsWith(":0"));
        return found;
    }

    private static String rootMessage(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return String.valueOf(root.getMessage());
    }

    /** Port of the first address in grpcListen; the server itself gives its sockets in no order. */
    public static int port(Server server, CoordinatorConfig config) {
        InetSocketAddress first = listens(config).getFirst();
        if (first.getPort() != 0) {
            return first.getPort();
        }
        // Where the machine has both, a socket on the wildcard of IPv4 says that it is on that of IPv6.
        boolean anywhere = first.getAddress().isAnyLocalAddress();
        return server.getListenSockets().stream()
                .map(InetSocketAddress.class::cast)
                .filter(bound -> bound.getAddress().equals(first.getAddress()) || anywhere && bound.getAddress().isAnyLocalAddress())
                .findFirst()
                .orElseThrow()
                .getPort();
    }
}
