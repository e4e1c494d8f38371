package dev.ferry.cli;

import io.grpc.BindableService;
import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.TimeUnit;

/** Answers the command line as a test wants it. */
public final class StandInCoordinator implements AutoCloseable {
    private static final long END_SECONDS = 10;

    private final BindableService[] services;
    private final int port;
    private Server server;

    private StandInCoordinator(BindableService... services) throws IOException {
        this.services = services;
        server = start(0);
        port = server.getPort();
    }

    public static StandInCoordinator of(BindableService... services) throws IOException {
        return new StandInCoordinator(services);
    }

    private Server start(int at) throws IOException {
        NettyServerBuilder builder = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), at));
        for (BindableService service : services) {
            builder.addService(service);
        }
        return builder.build().start();
    }

    public String address() {
        return "127.0.0.1:" + port;
    }

    /** All its connections break, and nobody is at its address. */
    public void kill() throws InterruptedException {
        server.shutdownNow();
        boolean ignored = server.awaitTermination(END_SECONDS, TimeUnit.SECONDS);
    }

    public void startAgain() throws IOException {
        server = start(port);
    }

    @Override
    public void close() {
        server.shutdownNow();
    }
}
