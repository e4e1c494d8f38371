package dev.ferry.cli.cluster;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.ferry.cli.Client;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.common.SystemScheduler;
import dev.ferry.proto.v1.ConfirmGoneRequest;
import dev.ferry.proto.v1.Node;
import java.io.Closeable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Locale;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes the machines of a local cluster away as a cloud does: announces it, and at its time ends all that runs there and says so to the
 * coordinator, as a cloud's event of a terminated machine would. {@code ferry spot} asks for it at an address that is in a file only
 * the owner of the cluster can read.
 */
public final class SpotMachines implements Closeable {
    private static final Logger LOG = LoggerFactory.getLogger(SpotMachines.class);
    private static final String FILE = "spot";

    private final LocalCluster cluster;
    private final SystemScheduler scheduler = new SystemScheduler("spot");
    private final HttpServer control;
    private final Path address;

    private SpotMachines(LocalCluster cluster, Path folder) throws IOException {
        this.cluster = cluster;
        address = folder.resolve(FILE);
        String secret = Ids.random(24);
        control = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        control.createContext("/" + secret + "/", this::answer);
        control.start();
        Files.deleteIfExists(address);
        Files.createFile(address, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(address, "http://127.0.0.1:" + control.getAddress().getPort() + "/" + secret);
    }

    /**
     * Opens the door for {@code ferry spot}.
     *
     * @param folder of the cluster
     */
    public static SpotMachines open(LocalCluster cluster, Path folder) throws IOException {
        return new SpotMachines(cluster, folder);
    }

    /** The file that says where to ask. */
    public static Path addressFile(Path folder) {
        return folder.resolve(FILE);
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            String[] words = exchange.getRequestURI().getPath().split("/", -1);
            String text;
            int status = 200;
            try {
                text = exchange.getRequestMethod().equals("POST") && words.length >= 4 ? obey(words[2], words[3], words.length > 4 ? words[4] : "") : "POST /interrupt/NODE[/NOTICE], /rebalance/NODE, /maintenance/NODE[/NOTICE], /cancel/NODE or /start/NODE";
            } catch (FerryException | IllegalStateException refused) {
                text = String.valueOf(refused.getMessage());
                status = 400;
            }
            byte[] body = (text + "\n").getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(status, body.length);
            exchange.getResponseBody().write(body);
        }
    }

    private String obey(String verb, String name, String time) throws IOException {
        int node = IntStream.rangeClosed(1, cluster.size()).filter(one -> LocalCluster.nodeName(one).equals(name)).findFirst().orElseThrow(() -> new IllegalStateException("there is no machine " + name));
        Duration notice = time.isEmpty() ? cluster.metadata().usualNotice() : Durations.parse(time);
        return switch (verb) {
            case "interrupt" -> {
                interrupt(node, notice);
                yield name + " is taken away in " + notice.toSeconds() + " s";
            }
            case "rebalance" -> {
                cluster.metadata().recommendRebalance(name);
                yield name + " may be taken away";
            }
            case "maintenance" -> {
                var unused = cluster.metadata().scheduleMaintenance(name, notice);
                yield name + " is restarted in " + notice.toSeconds() + " s, it is said";
            }
            case "cancel" -> {
                cluster.metadata().clear(name);
                yield "nothing is announced about " + name + " any more";
            }
            case "start" -> {
                cluster.metadata().clear(name);
                cluster.startNode(node);
                yield name + " is there again";
            }
            default -> throw new IllegalStateException("there is no '" + verb + "'");
        };
    }

    /** Announces the end of a machine, and brings it about. */
    public void interrupt(int node, Duration notice) {
        var unused = cluster.metadata().interrupt(LocalCluster.nodeName(node), notice);
        SystemScheduler.Timer ignored = scheduler.after(notice, () -> take(node));
    }

    /** Ends a machine now, with or without an announcement before, and says so. */
    public void take(int node) {
        String name = LocalCluster.nodeName(node);
        try {
            cluster.destroyNode(node);
            cluster.metadata().clear(name);
            String cloud = cluster.metadata().cloud().name().toLowerCase(Locale.ROOT);
            try (Client client = new Client(cluster.server())) {
                Node told = client.ask(stub -> stub.confirmNodeGone(ConfirmGoneRequest.newBuilder().setNode(name).setSource(cloud).setEvidence("machine " + name + " is terminated").build()));
                LOG.info("machine {} is gone; its node is {}", name, told.getState());
            }
        } catch (IOException | RuntimeException failed) {
            LOG.error("machine {} could not be taken away", name, failed);
        }
    }

    @Override
    public void close() throws IOException {
        control.stop(0);
        scheduler.close();
        Files.deleteIfExists(address);
    }
}
