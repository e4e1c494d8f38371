package dev.ferry.coordinator;

import dev.ferry.common.LocalAccess;
import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.nio.NioEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The coordinator's services on a socket of the file system, for command lines of its own user on its own machine: the folder that only this user can enter says who
 * is at the other end, to both, so that there is no TLS and a call takes half the time. Tokens are asked for as everywhere.
 */
final class LocalSocket implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(LocalSocket.class);
    private static final long ORDERLY_SECONDS = 1;

    /** What fits into the kernel's sun_path, less its final zero. */
    private static final int LONGEST_PATH = 107;

    private final Server server;
    private final Path path;
    private final EventLoopGroup threads;

    private LocalSocket(Server server, Path path, EventLoopGroup threads) {
        this.server = server;
        this.path = path;
        this.threads = threads;
    }

    /**
     * Listens in a folder. A socket that is there already was left by a coordinator that was killed: only one has the folder at a time.
     *
     * @param folder that nobody else can enter
     * @param services adds them to the server
     * @return empty: the folder's path is too long for a socket; command lines come by the network
     */
    static Optional<LocalSocket> open(Path folder, UnaryOperator<NettyServerBuilder> services) throws IOException {
        Path path = folder.toAbsolutePath().resolve(LocalAccess.SOCKET);
        Files.deleteIfExists(path);
        if (path.toString().getBytes(StandardCharsets.UTF_8).length > LONGEST_PATH) {
            LOG.info("no local socket: {} is too long a path for one", path);
            return Optional.empty();
        }
        EventLoopGroup threads = new NioEventLoopGroup(1, Thread.ofPlatform().daemon().name("local-socket").factory());
        try {
            NettyServerBuilder builder = NettyServerBuilder.forAddress(UnixDomainSocketAddress.of(path)).channelType(NioServerDomainSocketChannel.class).bossEventLoopGroup(threads).workerEventLoopGroup(threads);
            // gRPC sets it for every connection, and Netty warns each time that such a socket has none: null takes it away.
            builder.withChildOption(ChannelOption.SO_KEEPALIVE, null);
            Server server = services.apply(GrpcPorts.shape(builder)).build().start();
            Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-------"));
            return Optional.of(new LocalSocket(server, path, threads));
        } catch (IOException | RuntimeException failed) {
            end(threads);
            throw failed;
        }
    }

    @Override
    public void close() throws InterruptedException, IOException {
        GrpcPorts.end(server, ORDERLY_SECONDS);
        end(threads);
        Files.deleteIfExists(path);
    }

    /** Its thread is a daemon's: nobody has to wait for it. */
    private static void end(EventLoopGroup threads) {
        var ignored = threads.shutdownGracefully(0, 0, TimeUnit.SECONDS);
    }
}
