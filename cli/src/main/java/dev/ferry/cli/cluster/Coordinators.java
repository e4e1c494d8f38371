package dev.ferry.cli.cluster;

import dev.ferry.cli.Client;
import dev.ferry.common.FerryException;
import dev.ferry.common.LocalAccess;
import dev.ferry.coordinator.access.LocalFolder;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetServerRequest;
import dev.ferry.proto.v1.Server;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The coordinators of a local cluster: one with a database file of its own, or several that share a database. Each has a data folder;
 * several have the authority of the first one, and the token that it made.
 */
final class Coordinators {
    private static final Duration READY = Duration.ofSeconds(60);
    private static final Duration ANSWER = Duration.ofSeconds(2);
    private static final long LOOK_MILLIS = 20;
    private static final int BRIDGE_PORT = 7070;
    private static final Pattern READY_LINE = Pattern.compile("^ready grpc=(\\S+) http=(\\S+)$", Pattern.MULTILINE);

    /** Writes a part's configuration. */
    interface Conf {
        Path write(String part, Map<String, String> settings) throws IOException;
    }

    /** One of them. Its addresses stay the same from its first start on. */
    private static final class Place {
        private final int number;
        private String grpc;
        private String http;
        private volatile @Nullable Part part;

        Place(int number, String grpc, String http) {
            this.number = number;
            this.grpc = grpc;
            this.http = http;
        }

        String name() {
            return Coordinators.name(number);
        }
    }

    /** What one of them is called among the parts of a cluster. */
    static String name(int number) {
        return number == 1 ? "coordinator" : "coordinator-" + number;
    }

    /** Words with which a part is started before its own. */
    interface Before {
        List<String> words(String part) throws IOException;
    }

    private final LocalCluster.Plan plan;
    private final Optional<ClusterNetwork> network;
    private final Conf conf;
    private final Before before;
    private final BiConsumer<Integer, Part> launched;
    private final List<Place> places;

    /**
     * @param network empty: nodes reach a coordinator where operators do
     * @param launched is told the number of each that is started, before it is ready
     */
    Coordinators(LocalCluster.Plan plan, Optional<ClusterNetwork> network, Conf conf, Before before, BiConsumer<Integer, Part> launched) {
        this.plan = plan;
        this.network = network;
        this.conf = conf;
        this.before = before;
        this.launched = launched;
        places = IntStream.rangeClosed(1, plan.coordinators()).mapToObj(number -> new Place(number, plan.grpc(), plan.http())).toList();
    }

    private Place place(int number) {
        return places.get(number - 1);
    }

    private Path data(Place place) {
        return plan.data().resolve(place.name());
    }

    private Path access(Place place) {
        return data(place).resolve(LocalFolder.NAME);
    }

    private boolean alone() {
        return places.size() == 1;
    }

    private String onBridge(ClusterNetwork bridge, Place place) {
        return bridge.hostAddress() + ":" + (BRIDGE_PORT + place.number - 1);
    }

    /** Starts all of them; the first leads when this returns. */
    void startAll() throws IOException {
        for (Place place : places) {
            if (place.number > 1) {
                shareAccess(place);
            }
            start(place.number);
            if (place.number == 1 && leader() != 1) {
                throw new FerryException(ErrorCode.START_FAILED, "The first coordinator does not lead; its output is in " + part(1).log());
            }
        }
    }

    /** Whichever leads and lives, its folder lets command lines of this machine in. */
    private void shareAccess(Place place) throws IOException {
        Path folder = access(place);
        if (!Files.isDirectory(folder)) {
            Files.createDirectories(data(place));
            Files.createDirectory(folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        }
        for (String file : List.of(LocalFolder.TOKEN, LocalFolder.AUTHORITY)) {
            Files.copy(access(place(1)).resolve(file), folder.resolve(file), StandardCopyOption.COPY_ATTRIBUTES, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    /** Starts one, again at the same addresses. It answers when this returns. */
    void start(int number) throws IOException {
        Place place = place(number);
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put("data", data(place).toString());
        settings.put("grpcListen", "\"" + network.map(bridge -> place.grpc + "," + onBridge(bridge, place)).orElse(place.grpc) + "\"");
        settings.put("httpListen", "\"" + place.http + "\"");
        if (plan.store().isEmpty()) {
            // A folder of this machine: its listings are true, so that what is deleted need not wait.
            settings.put("upkeep", "{grace: \"0s\"}");
        }
        if (!alone()) {
            network.ifPresent(bridge -> settings.put("advertise", "\"" + onBridge(bridge, place) + "\""));
            settings.put("security", "{pki: \"" + data(place(1)).resolve("pki") + "\"}");
        }
        settings.putAll(plan.settings());
        Path config = conf.write(place.name(), settings);
        Part part = Part.start(alone() ? "The coordinator" : "Coordinator " + number, before.words(place.name()), List.of("coordinator", "--config", config.toString()), plan.log(place.name()));
        place.part = part;
        launched.accept(number, part);
        Matcher ready = part.await(READY_LINE, READY);
        place.grpc = ready.group(1);
        place.http = ready.group(2);
    }

    /**
     * The one that leads.
     *
     * @throws FerryException COORDINATOR_UNREACHABLE when none does for a minute
     */
    int leader() {
        if (alone()) {
            return 1;
        }
        long end = System.nanoTime() + READY.toNanos();
        while (true) {
            for (Place place : places) {
                if (place.part != null && leads(place.number).isPresent()) {
                    return place.number;
                }
            }
            if (System.nanoTime() - end > 0) {
                throw new FerryException(ErrorCode.COORDINATOR_UNREACHABLE, "No coordinator leads; their output is in " + plan.log(place(1).name()).getParent());
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(LOOK_MILLIS));
        }
    }

    /** What one that leads says of itself; empty: it does not lead, or does not answer. */
    Optional<Server> leads(int number) {
        try (Client client = new Client(place(number).grpc)) {
            return Optional.of(client.ask(ANSWER, stub -> stub.getServer(GetServerRequest.getDefaultInstance())));
        } catch (FerryException notThis) {
            return Optional.empty();
        }
    }

    Part part(int number) {
        return Optional.ofNullable(place(number).part).orElseThrow(() -> new IllegalStateException("coordinator " + number + " was not started"));
    }

    /** Those that were started. */
    List<Part> parts() {
        List<Part> parts = new ArrayList<>();
        places.stream().map(place -> place.part).filter(Objects::nonNull).forEach(parts::add);
        return parts;
    }

    /** Where operators reach them. */
    String forOperators() {
        return places.stream().map(place -> place.grpc).collect(Collectors.joining(","));
    }

    /** Where nodes do. */
    String forNodes() {
        return places.stream().map(place -> network.map(bridge -> onBridge(bridge, place)).orElse(place.grpc)).collect(Collectors.joining(","));
    }

    /** Address of the first one's HTTP API. */
    String http() {
        return place(1).http;
    }

    /** One that was killed could not take back what it left for command lines. */
    void withdraw() throws IOException {
        for (Place place : places) {
            LocalAccess.withdraw(place.grpc, access(place));
            if (network.isPresent()) {
                LocalAccess.withdraw(onBridge(network.get(), place), access(place));
            }
        }
    }
}
