package dev.ferry.coordinator;

import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.api.FerryApi;
import dev.ferry.coordinator.api.FerryService;
import dev.ferry.coordinator.api.HttpServer;
import dev.ferry.coordinator.api.ImageVerbs;
import dev.ferry.coordinator.api.LogReader;
import dev.ferry.coordinator.api.Metrics;
import dev.ferry.coordinator.api.Verbs;
import dev.ferry.coordinator.nodes.CommandDesk;
import dev.ferry.coordinator.nodes.LogRelay;
import dev.ferry.coordinator.nodes.NodeDirectory;
import dev.ferry.coordinator.nodes.NodeLinkService;
import dev.ferry.coordinator.operations.Deadlines;
import dev.ferry.coordinator.operations.OperationEngine;
import dev.ferry.coordinator.store.Changes;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Server;
import dev.ferry.storage.Images;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.Stores;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The coordinator: state, nodes, operations and the two servers. Whatever it was in the middle of goes on at the next start. */
public final class Coordinator implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Coordinator.class);
    private static final long ORDERLY_SECONDS = 2;
    private static final int MOST_MESSAGE = 64 << 20;

    private final Deque<AutoCloseable> parts = new ArrayDeque<>();
    private final io.grpc.Server grpc;
    private final InetSocketAddress first;
    private final HttpServer http;

    private Coordinator(CoordinatorConfig config) throws IOException {
        try {
            StateStore store = add(SqliteStateStore.open(Path.of(config.data())));
            ObjectStore objects = add(Stores.open(config.store()));
            Images images = new Images(objects);
            Changes changes = new Changes();
            store.onChange(
                    keys -> {
                        changes.tell(keys);
                        changes.tell(List.of(Changes.ANYTHING));
                    });
            CommandDesk desk = new CommandDesk();
            NodeDirectory directory = add(new NodeDirectory(store, desk, Durations.parse(config.nodeTimeout())));
            OperationEngine engine = add(new OperationEngine(store, desk, changes, deadlines(config)));
            Metrics metrics = new Metrics(store);
            engine.onEnd(metrics::ended);
            LogRelay relay = new LogRelay(desk);
            http = add(HttpServer.bind(config.httpListen()));
            Server self =
                    Server.newBuilder()
                            .setVersion(Optional.ofNullable(Coordinator.class.getPackage().getImplementationVersion()).orElse("development"))
                            .setStartedAt(System.currentTimeMillis())
                            .setStore(objects.describe())
                            .setHttpAddress(http.address())
                            .build();
            FerryApi api = new FerryApi(store, engine, desk, directory, new Verbs(store, engine), new ImageVerbs(store, images), self);
            LogReader logs = new LogReader(store, changes, relay, images);
            FerryService service = new FerryService(api, store, changes, logs);
            // Operations first: their orders are known before any daemon's result comes in.
            engine.resumeAll();
            String[] listens = config.grpcListen().split(",", -1);
            first = address(listens[0].trim());
            NettyServerBuilder builder = NettyServerBuilder.forAddress(first);
            for (String listen : Arrays.asList(listens).subList(1, listens.length)) {
                builder.addListenAddress(address(listen.trim()));
            }
            grpc =
                    builder
                            .executor(Executors.newVirtualThreadPerTaskExecutor())
                            .maxInboundMessageSize(MOST_MESSAGE)
                            .permitKeepAliveTime(5, TimeUnit.SECONDS)
                            .permitKeepAliveWithoutCalls(true)
                            .addService(service)
                            .addService(new NodeLinkService(store, desk, directory, relay, Durations.parse(config.heartbeat()), Durations.parse(config.nodeTimeout())))
                            .build();
            listen(grpc, config.grpcListen());
            add(() -> endGrpc(grpc, desk));
            directory.start();
            http.serve(api, logs, metrics, objects);
        } catch (IOException | RuntimeException failed) {
            close();
            throw failed;
        }
    }

    /**
     * Starts a coordinator; it answers when this returns.
     *
     * @throws FerryException WRONG_STATE when another one has the data folder, CONFIG_INVALID when an
     *     address can't be listened on
     */
    public static Coordinator start(CoordinatorConfig config) throws IOException {
        return new Coordinator(config);
    }

    private <T extends AutoCloseable> T add(T part) {
        parts.push(part);
        return part;
    }

    private static Deadlines deadlines(CoordinatorConfig config) {
        return new Deadlines(
                Durations.parse(config.startDeadline()),
                Durations.parse(config.dumpDeadline()),
                Durations.parse(config.restoreDeadline()),
                Durations.parse(config.killDeadline()));
    }

    /** The address of a host:port text. */
    public static InetSocketAddress address(String text) {
        int colon = text.lastIndexOf(':');
        return new InetSocketAddress(text.substring(0, colon).replaceAll("^\\[|\\]$", ""), Integer.parseInt(text.substring(colon + 1)));
    }

    private static void listen(io.grpc.Server server, String address) {
        try {
            server.start();
        } catch (IOException failed) {
            throw new FerryException(ErrorCode.CONFIG_INVALID, "grpcListen: can't listen on " + address + ": " + rootMessage(failed), failed);
        }
    }

    private static String rootMessage(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return String.valueOf(root.getMessage());
    }

    private static void endGrpc(io.grpc.Server server, CommandDesk desk) throws InterruptedException {
        server.shutdown();
        desk.close();
        if (!server.awaitTermination(ORDERLY_SECONDS, TimeUnit.SECONDS)) {
            server.shutdownNow();
            boolean ignored = server.awaitTermination(ORDERLY_SECONDS, TimeUnit.SECONDS);
        }
    }

    /** Port of the first address in grpcListen; the server itself gives its sockets in no order. */
    public int grpcPort() {
        return grpc.getListenSockets().stream()
                .map(InetSocketAddress.class::cast)
                .filter(bound -> bound.getAddress().equals(first.getAddress()) && (first.getPort() == 0 || first.getPort() == bound.getPort()))
                .findFirst()
                .orElseThrow()
                .getPort();
    }

    public int httpPort() {
        return http.port();
    }

    @Override
    public void close() {
        while (!parts.isEmpty()) {
            try {
                parts.pop().close();
            } catch (Exception failed) {
                LOG.warn("a part of the coordinator did not end in an orderly way", failed);
            }
        }
    }
}
