package dev.ferry.cli.cluster;

import dev.ferry.cli.Client;
import dev.ferry.common.DurableFile;
import dev.ferry.common.FerryException;
import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.emulator.Cloud;
import dev.ferry.node.emulator.MetadataEmulator;
import dev.ferry.node.gpu.GpuConfig;
import dev.ferry.node.gpu.GpuHelper;
import dev.ferry.node.jobs.Trees;
import dev.ferry.node.standin.StandIn;
import dev.ferry.node.standin.StandInSpec;
import dev.ferry.node.link.Membership;
import dev.ferry.proto.v1.CreateJoinTokenRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Server;
import dev.ferry.storage.StoreConfig;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A coordinator and some nodes as processes of this machine: each node in a network namespace of its own
 * with its own folders, runc records and control group, joined by a bridge. Its names depend only on its
 * data folder, so that a start after a crash finds and takes over what the last one left.
 */
public final class LocalCluster implements AutoCloseable {
    private static final Duration READY = Duration.ofSeconds(60);
    private static final Duration ORDERLY = Duration.ofSeconds(15);

    /**
     * What is wanted.
     *
     * @param store address of the object store as for {@link StoreConfig#ofUrl}; empty: a folder below data
     * @param grpc address for operators, port 0: any that is free
     * @param http address of the HTTP API, port 0: any that is free
     * @param settings more keys for the coordinator's configuration
     * @param gpus what each node's GPUs are played by, as {@link StandInSpec} reads it; empty: the machine's own, if any
     * @param spot whose metadata server is played for the nodes; empty: none
     * @param apart each node in a network namespace of its own, which takes the program ip; else all meet on the loopback interface
     * @param coordinators how many; several take a database in the settings
     * @param clocks whether the wall clock of each part can be set ({@link LocalCluster#setClock})
     */
    public record Plan(
            Path data, int nodes, String store, String grpc, String http, Map<String, String> settings, String gpus, Optional<Cloud> spot, Map<String, String> nodeSettings, boolean apart, int coordinators, boolean clocks) {
        /** With one coordinator. */
        public Plan(Path data, int nodes, String store, String grpc, String http, Map<String, String> settings, String gpus, Optional<Cloud> spot, Map<String, String> nodeSettings, boolean apart) {
            this(data, nodes, store, grpc, http, settings, gpus, spot, nodeSettings, apart, 1, false);
        }

        /** With nodes that are apart. */
        public Plan(Path data, int nodes, String store, String grpc, String http, Map<String, String> settings, String gpus, Optional<Cloud> spot, Map<String, String> nodeSettings) {
            this(data, nodes, store, grpc, http, settings, gpus, spot, nodeSettings, true);
        }

        /** With nothing more in the nodes' configurations. */
        public Plan(Path data, int nodes, String store, String grpc, String http, Map<String, String> settings, String gpus, Optional<Cloud> spot) {
            this(data, nodes, store, grpc, http, settings, gpus, spot, Map.of());
        }

        /** With machines that nobody takes away. */
        public Plan(Path data, int nodes, String store, String grpc, String http, Map<String, String> settings, String gpus) {
            this(data, nodes, store, grpc, http, settings, gpus, Optional.empty());
        }

        /** With the machine's own GPUs, if any. */
        public Plan(Path data, int nodes, String store, String grpc, String http, Map<String, String> settings) {
            this(data, nodes, store, grpc, http, settings, "");
        }

        /** The same with several coordinators, on ports of the loopback interface that are free. */
        public Plan sharedBy(int several) {
            return new Plan(data, nodes, store, "127.0.0.1:0", "127.0.0.1:0", settings, gpus, spot, nodeSettings, apart, several, clocks);
        }

        /** The same with wall clocks that can be set. */
        public Plan withClocks() {
            return new Plan(data, nodes, store, grpc, http, settings, gpus, spot, nodeSettings, apart, coordinators, true);
        }

        /** The file that holds the output of a part. */
        Path log(String part) {
            return data.resolve("logs").resolve(part + ".log");
        }

        /** On ephemeral ports of the loopback interface, with a store of its own. */
        public static Plan of(Path data, int nodes) {
            return new Plan(data, nodes, "", "127.0.0.1:0", "127.0.0.1:0", Map.of());
        }
    }

    private final Plan plan;
    private final String id;
    // A store over the network is reached over the machine's own: then daemons have no network namespaces.
    private final Optional<ClusterNetwork> network;
    private final CgroupLayout layout;
    private final Map<Integer, Part> nodes = Collections.synchronizedMap(new LinkedHashMap<>());
    private final Map<Integer, StandIn> cards = new LinkedHashMap<>();
    private final Optional<WallClocks> clocks;
    private final Coordinators coordinators;
    private volatile @Nullable Supervisor supervisor;
    private @Nullable MetadataEmulator metadata;

    private LocalCluster(Plan plan) throws IOException {
        this.plan = plan;
        id = HexFormat.of().toHexDigits((short) plan.data().toAbsolutePath().normalize().toString().hashCode());
        network = !plan.apart() || plan.store().startsWith("s3:") ? Optional.empty() : Optional.of(new ClusterNetwork(id, plan.nodes()));
        layout = CgroupLayout.ofThisMachine();
        clocks = plan.clocks() ? Optional.of(new WallClocks(plan.data().resolve("clocks"))) : Optional.empty();
        coordinators = new Coordinators(plan, network, this::write, this::clock, (number, part) -> watch(part, () -> startCoordinator(number)));
    }

    /**
     * Starts all parts; they are ready when this returns.
     *
     * @throws FerryException START_FAILED with the output of the part that failed; nothing is left running
     */
    public static LocalCluster start(Plan plan) throws IOException {
        LocalCluster cluster = new LocalCluster(plan);
        try {
            cluster.killStrays();
            for (String folder : List.of("logs", "conf")) {
                Files.createDirectories(plan.data().resolve(folder));
            }
            cluster.network.ifPresent(ClusterNetwork::create);
            cluster.startMetadata();
            cluster.coordinators.startAll();
            for (int node = 1; node <= plan.nodes(); node++) {
                cluster.launchNode(node);
            }
            for (int node = 1; node <= plan.nodes(); node++) {
                cluster.awaitNode(node);
            }
            return cluster;
        } catch (IOException | RuntimeException failed) {
            cluster.stopProcesses();
            cluster.stopGpus();
            cluster.stopMetadata();
            cluster.network.ifPresent(ClusterNetwork::remove);
            throw failed;
        }
    }

    /** Daemons that an earlier cluster of this folder left when it was killed. */
    private void killStrays() {
        processesOf(plan.data().resolve("conf")).forEach(ProcessHandle::destroyForcibly);
    }

    /** Those that were started with something in a folder. */
    private static List<ProcessHandle> processesOf(Path folder) {
        return ProcessHandle.allProcesses()
                .filter(process -> process.pid() != ProcessHandle.current().pid())
                .filter(process -> commandLine(process.pid()).contains(folder + "/"))
                .toList();
    }

    /**
     * Removes what a cluster of nodes that are apart has left whose owner was killed: daemons and what they started, jobs, network and control groups; the folder stays.
     *
     * @param data its folder
     * @param most how many nodes it had at most
     */
    public static void removeLeftovers(Path data, int most) throws IOException {
        LocalCluster left = new LocalCluster(Plan.of(data, most));
        // The daemons first, which would bring up what is killed behind them; then jobs, then the watchdogs and tools that are left.
        left.killStrays();
        JobCgroup all = new JobCgroup(left.layout, left.cgroup());
        all.killAll();
        left.stopGpus();
        List<ProcessHandle> tools = processesOf(data);
        tools.forEach(ProcessHandle::destroyForcibly);
        for (ProcessHandle tool : tools) {
            try {
                var unused = tool.onExit().get(ORDERLY.toSeconds(), TimeUnit.SECONDS);
            } catch (ExecutionException | TimeoutException stays) {
                throw new FerryException(ErrorCode.INTERNAL, "Process " + tool.pid() + " of " + data + ", whose owner is gone, does not end", stays);
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
                throw new FerryException(ErrorCode.CANCELLED, "The removal of what is left in " + data + " was interrupted", interrupted);
            }
        }
        left.network.ifPresent(ClusterNetwork::remove);
        all.remove();
        // Some fault may have lain over the store.
        for (String line : Files.readAllLines(Path.of("/proc/self/mountinfo"))) {
            String point = line.split(" ", 6)[4];
            if (point.startsWith(data + "/")) {
                Tool.must("umount", "--lazy", point);
            }
        }
    }

    private static String commandLine(long pid) {
        try {
            return Files.readString(Path.of("/proc", Long.toString(pid), "cmdline"), java.nio.charset.StandardCharsets.ISO_8859_1).replace('\0', ' ');
        } catch (IOException gone) {
            return "";
        }
    }

    private void startMetadata() throws IOException {
        if (plan.spot().isPresent()) {
            metadata = MetadataEmulator.start(plan.spot().get(), new InetSocketAddress(network.map(ClusterNetwork::hostAddress).orElse("127.0.0.1"), 0));
        }
    }

    private void stopMetadata() {
        if (metadata != null) {
            metadata.close();
        }
    }

    /** The metadata server that is played for the nodes. */
    public MetadataEmulator metadata() {
        return Optional.ofNullable(metadata).orElseThrow(() -> new IllegalStateException("the nodes of this cluster are of no cloud"));
    }

    /** Starts the coordinator, of several the first one, again at the same address. */
    public void startCoordinator() throws IOException {
        startCoordinator(1);
    }

    /** Starts one of the coordinators, again at the same address. */
    public void startCoordinator(int number) throws IOException {
        coordinators.start(number);
    }

    /**
     * From now on parts that end though nobody asked them to are started again. To be closed before the cluster.
     *
     * @param tell gets a line for each end and each start
     */
    public Supervisor supervise(Consumer<String> tell) {
        Supervisor watching = new Supervisor(tell);
        supervisor = watching;
        for (int number = 1; number <= plan.coordinators(); number++) {
            int one = number;
            watch(coordinators.part(one), () -> startCoordinator(one));
        }
        Map.copyOf(nodes).forEach((node, part) -> watch(part, () -> startNode(node)));
        return watching;
    }

    private void watch(Part part, Supervisor.Start start) {
        Supervisor watching = supervisor;
        if (watching != null) {
            watching.watch(part, start);
        }
    }

    /** Starts a node's daemon and waits until it is registered. */
    public void startNode(int node) throws IOException {
        launchNode(node);
        watch(node(node), () -> startNode(node));
        awaitNode(node);
    }

    private void launchNode(int node) throws IOException {
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put("name", nodeName(node));
        settings.put("data", nodeData(node).toString());
        settings.put("coordinator", "\"" + coordinators.forNodes() + "\"");
        settings.put("cgroup", nodeGroup(node));
        settings.put("notices", notices(nodeName(node)));
        // Jobs of a cluster on one machine are of whoever runs it, who may read and write all of it anyway.
        settings.put("policy", "{deniedMounts: [], readOnlyMounts: [], hidden: []}");
        if (plan.nodes() > 1) {
            // Of a node without a cache, as where the store lies on the same disk, nobody is told.
            settings.put("peers", "{listen: \"" + network.map(bridge -> bridge.address(node)).orElse("127.0.0.1") + ":0\"}");
        }
        if (Membership.open(nodeData(node).resolve("pki")).isEmpty()) {
            settings.put("joinToken", invite(nodeName(node)));
        }
        if (!plan.gpus().isEmpty()) {
            GpuConfig gpu = gpus(node).config();
            settings.put("gpu", "{library: \"" + gpu.library() + "\", nvml: \"" + gpu.nvml() + "\", program: \"" + gpu.program() + "\", standIn: \"" + gpu.standIn() + "\", cdi: [\"" + cdi(node) + "\"]}");
        }
        settings.putAll(plan.nodeSettings());
        Path config = write(nodeName(node), settings);
        List<String> before = new ArrayList<>(enter(node));
        before.addAll(clock(nodeName(node)));
        nodes.put(node, Part.start("Node " + nodeName(node), before, List.of("node", "--config", config.toString()), logOf(nodeName(node))));
    }

    /** Where a node whose GPUs are played looks for CDI specifications; usually there is nothing. */
    public Path cdi(int node) {
        return plan.data().toAbsolutePath().resolve("cdi").resolve(nodeName(node));
    }

    private List<String> clock(String part) throws IOException {
        return clocks.isPresent() ? clocks.get().before(part) : List.of();
    }

    /** Sets the wall clock of a node's daemon so far ahead of this machine's, which it sees at once; of a cluster with clocks that can be set. */
    public void setClock(int node, Duration ahead) throws IOException {
        clocks.orElseThrow().set(nodeName(node), ahead);
    }

    /** The same for a coordinator. */
    public void setCoordinatorClock(int number, Duration ahead) throws IOException {
        clocks.orElseThrow().set(Coordinators.name(number), ahead);
    }

    /** The machine's own cloud has nothing to say of nodes that are only processes. */
    private String notices(String name) {
        if (plan.spot().isEmpty()) {
            return "{sources: \"\"}";
        }
        String cloud = plan.spot().get().name().toLowerCase(Locale.ROOT);
        return "{sources: " + cloud + ", " + cloud + "Endpoint: \"" + metadata().endpoint(name) + "\"}";
    }

    /** Ends a node as the end of its machine does: nothing of it is left, neither processes nor disk. */
    public void destroyNode(int node) throws IOException {
        node(node).kill();
        JobCgroup jobs = new JobCgroup(layout, nodeGroup(node));
        jobs.killAll();
        GpuHelper.letEnd(nodeData(node).resolve("gpu"));
        jobs.remove();
        Trees.delete(nodeData(node));
        // Images hide their node's folder from the job by a mount on it, and need it for that wherever they are restored: machines have it at the same place each.
        Files.createDirectories(nodeData(node));
    }

    private String invite(String node) {
        try (Client client = new Client(server())) {
            CreateJoinTokenRequest request = CreateJoinTokenRequest.newBuilder().setNode(node).setLifetimeSeconds(READY.toSeconds() * 2).build();
            return client.administrate(stub -> stub.createJoinToken(request)).getSecret();
        }
    }

    /** The cards of a node, which outlive its daemon as real ones do. */
    public StandIn gpus(int node) throws IOException {
        StandIn there = cards.get(node);
        if (there != null) {
            return there;
        }
        try {
            StandIn started = StandIn.start(plan.data().toAbsolutePath().resolve("cards").resolve(nodeName(node)), StandInSpec.parse(plan.gpus()), nodeName(node));
            cards.put(node, started);
            return started;
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new FerryException(ErrorCode.CANCELLED, "The start of the stand-in for GPUs was interrupted", interrupted);
        }
    }

    private void stopGpus() {
        for (int node = 1; node <= plan.nodes(); node++) {
            GpuHelper.letEnd(nodeData(node).resolve("gpu"));
        }
        cards.values().forEach(StandIn::close);
    }

    private void awaitNode(int node) throws IOException {
        Matcher ignored = node(node).await(Pattern.compile("^ready name=" + nodeName(node) + "$", Pattern.MULTILINE), READY);
    }

    /** The configuration file of a node, once it was started. */
    public Path nodeConfig(int node) {
        return configOf(nodeName(node));
    }

    private Path configOf(String part) {
        return plan.data().resolve("conf").resolve(part + ".yaml");
    }

    private Path write(String name, Map<String, String> settings) throws IOException {
        StringBuilder yaml = new StringBuilder();
        settings.forEach((key, value) -> yaml.append(key).append(": ").append(value).append('\n'));
        StoreConfig store = StoreConfig.ofUrl(store());
        yaml.append("store:\n");
        Map.of("url", store.url(), "endpoint", store.endpoint(), "region", store.region(), "caFile", store.caFile())
                .forEach((key, value) -> yaml.append("  ").append(key).append(": \"").append(value).append("\"\n"));
        yaml.append("  pathStyle: ").append(store.pathStyle()).append('\n');
        Path key = masterKey(plan.data());
        if (Files.exists(key)) {
            yaml.append("  encryption: {masterKeyFile: \"").append(key.toAbsolutePath()).append("\"}\n");
        }
        Path file = configOf(name);
        DurableFile.writePrivate(file, yaml.toString().getBytes(StandardCharsets.UTF_8));
        return file;
    }

    /** Where the master key of a cluster's store lies, if its store is encrypted. */
    public static Path masterKey(Path data) {
        return data.resolve("store.key");
    }

    private String store() {
        return plan.store().isEmpty() ? "file://" + storeFolder() : plan.store();
    }

    /** Where the store of a cluster lies that has one of its own. */
    public Path storeFolder() {
        return plan.data().toAbsolutePath().resolve("store");
    }

    public Path logOf(String part) {
        return plan.log(part);
    }

    /** How many machines there are, those that were destroyed among them. */
    public int size() {
        return plan.nodes();
    }

    public static String nodeName(int node) {
        return "node-" + node;
    }

    /** The number of a node by its name. */
    public static int nodeNumber(String name) {
        return Integer.parseInt(name.substring(name.indexOf('-') + 1));
    }

    public Path nodeData(int node) {
        return plan.data().resolve(nodeName(node));
    }

    private String cgroup() {
        return "ferry-" + id;
    }

    /** Address for operators; of several coordinators all. */
    public String server() {
        return coordinators.forOperators();
    }

    /** Address of the HTTP API, of several coordinators that of the first one. */
    public String httpAddress() {
        return coordinators.http();
    }

    /** The coordinator, of several the first one. */
    public Part coordinator() {
        return coordinator(1);
    }

    /** How many coordinators there are. */
    public int coordinators() {
        return plan.coordinators();
    }

    /** One of the coordinators, which are counted from 1. */
    public Part coordinator(int number) {
        return coordinators.part(number);
    }

    /**
     * The number of the coordinator that leads.
     *
     * @throws FerryException COORDINATOR_UNREACHABLE when none does for a minute
     */
    public int leader() {
        return coordinators.leader();
    }

    /** What a coordinator that leads says of itself; empty: it does not lead, or does not answer. */
    public Optional<Server> leads(int number) {
        return coordinators.leads(number);
    }

    public Part node(int node) {
        return Optional.ofNullable(nodes.get(node)).orElseThrow(() -> new IllegalStateException("node " + node + " was not started"));
    }

    /** Control group of a node's jobs; beside it are those of whatever else its daemon runs. */
    public String nodeGroup(int node) {
        return cgroup() + "/" + nodeName(node);
    }

    /** Host pids of the processes of a job on a node. */
    public List<Integer> jobProcesses(int node, String job) {
        return Stream.of("", ".continue").flatMap(kind -> new JobCgroup(layout, nodeGroup(node) + kind + "/" + job).processes().stream()).toList();
    }

    /** Cuts a node off from the coordinator; daemons that have no network namespace can't be. */
    public void cut(int node) {
        network.orElseThrow().cut(node);
    }

    /** Undoes {@link #cut}. */
    public void mend(int node) {
        network.orElseThrow().mend(node);
    }

    /** What a command begins with that is to see the network as a node does; daemons that have no network namespace see the machine's. */
    public List<String> enter(int node) {
        return network.map(bridge -> bridge.enter(node)).orElse(List.of());
    }

    private void stopProcesses() {
        List<Part> all = new ArrayList<>(nodes.values());
        all.addAll(coordinators.parts());
        // All at once: each gets its signal before the first is waited for.
        List<Thread> stops = all.stream().map(part -> Thread.ofPlatform().start(() -> part.stop(ORDERLY))).toList();
        for (Thread stop : stops) {
            try {
                stop.join();
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
                all.forEach(Part::kill);
            }
        }
    }

    /** Ends all parts, kills what is left of jobs, and removes network and control groups; folders stay. */
    @Override
    public void close() throws IOException {
        stopProcesses();
        coordinators.withdraw();
        network.ifPresent(ClusterNetwork::remove);
        JobCgroup all = new JobCgroup(layout, cgroup());
        all.killAll();
        stopGpus();
        stopMetadata();
        all.remove();
    }

    /** Refuses what can't work, before anything is made. */
    public static void requireRoot() throws IOException {
        if (!dev.ferry.node.doctor.Machine.isRoot()) {
            throw new FerryException(ErrorCode.NOT_PRIVILEGED, "Nodes make sandboxes and network namespaces: this needs root");
        }
    }
}
