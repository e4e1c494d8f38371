package dev.ferry.node.peers;

import dev.ferry.node.link.Membership;
import dev.ferry.storage.image.ChunkCache;
import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The port at which other nodes ask this one for chunks: TLS with certificates of nodes on both sides, wherever the cluster has TLS. */
public final class PeerServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(PeerServer.class);
    /** Writes a page for each caller who goes away while something is on its way to him, which is no news. Held here, for a logger that nobody holds forgets its level. */
    private static final java.util.logging.Logger NETTY = java.util.logging.Logger.getLogger("io.grpc.netty.shaded.io.grpc.netty.NettyServerHandler");

    static {
        NETTY.setLevel(Level.SEVERE);
    }

    /** Who reads the cache, at most at a time. */
    private static final int THREADS = 4;
    private static final int MOST_CALLS = 64;
    /** A target asks with a handful of threads. */
    private static final int MOST_CALLS_OF_ONE = 16;
    /** Names and lengths of a few chunks. */
    private static final int MOST_REQUEST = 8 << 10;
    private static final long HANDSHAKE_SECONDS = 5;
    private static final long IDLE_SECONDS = 60;
    /** A certificate that has ended is not shown for much longer than that by who has connected before. */
    private static final long OLDEST_MINUTES = 15;
    private static final long CLOSING_SECONDS = 1;

    private final Server server;
    private final ExecutorService readers;
    private final String address;

    private PeerServer(Server server, ExecutorService readers, String address) {
        this.server = server;
        this.readers = readers;
        this.address = address;
    }

    /**
     * Listens, if the configuration says where and there is something to give. Where it can't, the node does without: nothing depends on it, and jobs live here.
     *
     * @param membership empty: the cluster has no TLS
     */
    public static Optional<PeerServer> start(PeersConfig config, Optional<Membership> membership, Optional<ChunkCache> cache) {
        if (config.listen().isEmpty()) {
            return Optional.empty();
        }
        if (cache.isEmpty()) {
            LOG.info("other nodes can't ask this one for chunks: it has no cache of them (chunkCache)");
            return Optional.empty();
        }
        try {
            return Optional.of(listen(config, membership, cache.get()));
        } catch (IOException failed) {
            LOG.error("peers.listen: can't listen on {}, other nodes get their chunks from the store: {}", config.listen(), rootMessage(failed));
            return Optional.empty();
        }
    }

    private static PeerServer listen(PeersConfig config, Optional<Membership> membership, ChunkCache cache) throws IOException {
        InetSocketAddress listen = address(config.listen());
        ExecutorService readers = Executors.newFixedThreadPool(THREADS, work -> Thread.ofPlatform().daemon().name("peers").unstarted(work));
        NettyServerBuilder builder =
                NettyServerBuilder.forAddress(listen)
                        .addService(new PeerService(cache, MOST_CALLS))
                        .executor(readers)
                        .maxInboundMessageSize(MOST_REQUEST)
                        .maxConcurrentCallsPerConnection(MOST_CALLS_OF_ONE)
                        .handshakeTimeout(HANDSHAKE_SECONDS, TimeUnit.SECONDS)
                        .maxConnectionIdle(IDLE_SECONDS, TimeUnit.SECONDS)
                        .maxConnectionAge(OLDEST_MINUTES, TimeUnit.MINUTES);
        membership.ifPresent(held -> builder.sslContext(held.toPeers()));
        try {
            Server server = builder.build().start();
            String told = config.told(server.getPort());
            LOG.info("other nodes may ask this one for chunks at {}", told);
            return new PeerServer(server, readers, told);
        } catch (IOException | RuntimeException failed) {
            readers.shutdown();
            throw failed;
        }
    }

    private static InetSocketAddress address(String text) throws UnknownHostException {
        int colon = text.lastIndexOf(':');
        InetAddress host = InetAddress.getByName(text.substring(0, colon).replaceAll("^\\[|\\]$", "").replace("*", "0.0.0.0"));
        return new InetSocketAddress(host, Integer.parseInt(text.substring(colon + 1)));
    }

    private static String rootMessage(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return root.toString();
    }

    /** host:port that other nodes are told. */
    public String address() {
        return address;
    }

    /** Who asks gets no answer any more, and goes to the store. */
    @Override
    public void close() {
        server.shutdownNow();
        try {
            boolean ignored = server.awaitTermination(CLOSING_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        // Not interrupted: that would close the cache's files under them.
        readers.shutdown();
    }
}
