package dev.ferry.node.emulator;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A cloud's metadata server for several machines of one process: each has an address of its own, below which everything lies where the
 * cloud has it. Nothing is made true by it; whoever announces an end must also bring it about.
 */
public final class MetadataEmulator implements AutoCloseable {
    private final Cloud cloud;
    private final Protocol protocol;
    private final HttpServer server;
    private final ExecutorService calls = Executors.newVirtualThreadPerTaskExecutor();
    private final Map<String, Machine> machines = new ConcurrentHashMap<>();
    private final AtomicLong events = new AtomicLong(System.currentTimeMillis());

    private MetadataEmulator(Cloud cloud, InetSocketAddress listen) throws IOException {
        this.cloud = cloud;
        protocol =
                switch (cloud) {
                    case AWS -> new AwsProtocol();
                    case GCP -> new GcpProtocol();
                    case AZURE -> new AzureProtocol();
                };
        server = HttpServer.create(listen, 0);
        server.setExecutor(calls);
        server.createContext("/", this::answer);
        server.start();
    }

    /**
     * @param listen port 0: any that is free
     */
    public static MetadataEmulator start(Cloud cloud, InetSocketAddress listen) throws IOException {
        return new MetadataEmulator(cloud, listen);
    }

    public Cloud cloud() {
        return cloud;
    }

    /** The address of a machine's metadata. */
    public String endpoint(String machine) {
        Machine ignored = machine(machine);
        return "http://" + server.getAddress().getAddress().getHostAddress() + ":" + server.getAddress().getPort() + "/" + machine;
    }

    private Machine machine(String name) {
        return machines.computeIfAbsent(name, Machine::new);
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            String[] parts = exchange.getRequestURI().getPath().split("/", 3);
            Machine machine = parts.length < 3 ? null : machines.get(parts[1]);
            Call call = new Call(exchange, parts.length < 3 ? "" : "/" + parts[2]);
            if (machine == null) {
                call.answer(404, "");
            } else {
                protocol.answer(call, machine);
            }
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
        }
    }

    /** How long before its end a machine is told, as the cloud documents it. */
    public Duration usualNotice() {
        return protocol.usualNotice();
    }

    /**
     * A spot machine ends after a while.
     *
     * @return when
     */
    public Instant interrupt(String machine, Duration notice) {
        return announce(machine, Announced.Kind.INTERRUPTION, notice);
    }

    /** A spot machine may end soon; only Amazon says such a thing. */
    public void recommendRebalance(String machine) {
        Instant ignored = announce(machine, Announced.Kind.REBALANCE, Duration.ZERO);
    }

    /** A machine is restarted after a while. */
    public Instant scheduleMaintenance(String machine, Duration notice) {
        return announce(machine, Announced.Kind.MAINTENANCE, notice);
    }

    private Instant announce(String machine, Announced.Kind kind, Duration notice) {
        Instant at = Instant.now().plus(notice);
        machine(machine).announce(new Announced(kind, "event-" + events.incrementAndGet(), at, false));
        return at;
    }

    /** Nothing is announced any more: it was taken back, or has happened. */
    public void clear(String machine) {
        machine(machine).clear();
    }

    /** Events that were acknowledged. */
    public List<String> acknowledged(String machine) {
        return machine(machine).acknowledged();
    }

    /** Every token that was given has run out. */
    public void expireTokens() {
        if (protocol instanceof AwsProtocol aws) {
            aws.expireTokens();
        }
    }

    @Override
    public void close() {
        server.stop(0);
        calls.shutdownNow();
    }
}
