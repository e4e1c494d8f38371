package dev.ferry.node.standin;

import dev.ferry.common.FerryException;
import dev.ferry.node.gpu.GpuConfig;
import dev.ferry.node.sandbox.ToolProcess;
import dev.ferry.proto.v1.ErrorCode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The cards of one node, played by a process of their own. */
public final class StandIn implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(StandIn.class);
    private static final Duration BUILD = Duration.ofMinutes(2);
    private static final int FIRST_WITH_CALLS = 570;
    private static final String SOURCES = "node-daemon/src/standin";

    private final Path built;
    private final Path folder;
    private final StandInSpec spec;

    private StandIn(Path built, Path folder, StandInSpec spec) {
        this.built = built;
        this.folder = folder;
        this.spec = spec;
    }

    /**
     * Builds the stand-in from its sources where it is not built yet.
     *
     * @return the folder with its programs
     * @throws FerryException TOOL_MISSING when the sources or gcc are not here
     */
    public static Path build() throws IOException, InterruptedException {
        Path root =
                root().orElseThrow(() -> new FerryException(ErrorCode.TOOL_MISSING, "The stand-in for GPUs is built from " + SOURCES + " of Ferry's sources, which are not here: it is no part of the product"));
        Path target = root.resolve("node-daemon/target/standin");
        Files.createDirectories(target);
        ToolProcess build = ToolProcess.start(List.of(root.resolve(SOURCES).resolve("build.sh").toString(), target.toString()), root, target.resolve("build.log"), Map.of());
        if (build.await(BUILD) != 0) {
            throw new FerryException(ErrorCode.TOOL_MISSING, "The stand-in for GPUs could not be built; is gcc installed?", build.outputLines(), null);
        }
        return target;
    }

    /** Ferry's sources: where the launcher says, or above the working folder. */
    private static Optional<Path> root() {
        Path told = Path.of(System.getProperty("ferry.root", "")).toAbsolutePath().normalize();
        return Stream.iterate(told, path -> path != null, Path::getParent).filter(path -> Files.isDirectory(path.resolve(SOURCES))).findFirst();
    }

    /**
     * Starts the cards, or finds those that an earlier process started and left; they can be used when this returns.
     *
     * @param folder for their sockets; its path is short enough for a socket's name
     * @param seed makes the UUIDs differ from those of other nodes
     */
    public static StandIn start(Path folder, StandInSpec spec, String seed) throws IOException, InterruptedException {
        Path built = build();
        Files.createDirectories(folder);
        StandIn played = new StandIn(built, folder, spec);
        if (played.isThere()) {
            return played;
        }
        Process cards =
                new ProcessBuilder(
                                built.resolve("cards").toString(), folder.toString(), Integer.toString(spec.count()), spec.model(), Long.toString(spec.memoryBytes()), Integer.toString(spec.driver()), seed)
                        .redirectError(folder.resolve("cards.log").toFile())
                        .redirectInput(Path.of("/dev/null").toFile())
                        .start();
        BufferedReader output = new BufferedReader(new InputStreamReader(cards.getInputStream(), StandardCharsets.UTF_8));
        if (!"ready".equals(output.readLine())) {
            cards.destroyForcibly();
            throw new FerryException(ErrorCode.START_FAILED, "The stand-in's cards did not start", Files.readAllLines(folder.resolve("cards.log")), null);
        }
        return played;
    }

    private boolean isThere() {
        try {
            return !control("stats").isEmpty();
        } catch (IOException nobody) {
            return false;
        }
    }

    /** What a node's configuration must say to use these cards. */
    public GpuConfig config() {
        GpuConfig defaults = GpuConfig.defaults();
        Path libraries = built.resolve("lib");
        Path library = spec.driver() < FIRST_WITH_CALLS ? built.resolve("old/libcuda.so.1") : libraries.resolve("libcuda.so.1");
        return new GpuConfig(
                library.toString(),
                libraries.resolve("libnvidia-ml.so.1").toString(),
                spec.driver() < FIRST_WITH_CALLS ? built.resolve("old/cuda-checkpoint").toString() : "",
                folder.toString(),
                defaults.lockTimeout(),
                defaults.callTimeout(),
                defaults.sampleEvery(),
                List.of());
    }

    /** Programs that use the cards. */
    public Path jobs() {
        return built.resolve("jobs");
    }

    /** Where programs outside any sandbox find libraries and devices. */
    public Map<String, String> environment() {
        // As in a sandbox: the library of an old driver, which lacks the calls, where such a one is played.
        String old = spec.driver() < FIRST_WITH_CALLS ? built.resolve("old") + ":" : "";
        return Map.of("FERRY_STANDIN", folder.toString(), "LD_LIBRARY_PATH", old + built.resolve("lib"));
    }

    /** Gives the cards one command of those that cards.c lists, and returns their answer. */
    public String control(String command) throws IOException {
        try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(folder.resolve("control")))) {
            int ignored = channel.write(ByteBuffer.wrap(command.getBytes(StandardCharsets.UTF_8)));
            return new String(Channels.newInputStream(channel).readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /** Bytes in use on all cards. */
    public long used() throws IOException {
        return control("stats").lines().mapToLong(line -> Long.parseLong(line.replaceAll(".* used=(\\d+) .*", "$1"))).sum();
    }

    /** The calls of the driver's functions that reached a process: host pid and function, in order. */
    public List<String> calls() throws IOException {
        Path log = folder.resolve("calls");
        return Files.exists(log) ? Files.readAllLines(log) : List.of();
    }

    /** Ends the cards; what lay in their memory is gone. */
    @Override
    public void close() {
        try {
            String ignored = control("quit");
        } catch (IOException ended) {
            LOG.debug("the cards in {} have ended", folder);
        }
    }
}
