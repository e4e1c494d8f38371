package dev.ferry.node.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.Ids;
import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.criu.CriuBinary;
import dev.ferry.node.jobs.GpuMeter;
import dev.ferry.node.jobs.JobRegistry;
import dev.ferry.node.hooks.EvacuationHooks;
import dev.ferry.node.hooks.Hooks;
import dev.ferry.node.jobs.DumpSpeeds;
import dev.ferry.node.jobs.NodeContext;
import dev.ferry.node.memory.PreCopyConfig;
import dev.ferry.node.jobs.Outbox;
import dev.ferry.node.peers.Peers;
import dev.ferry.node.policy.NodePolicy;
import dev.ferry.node.sandbox.Sandbox;
import dev.ferry.node.standin.StandIn;
import dev.ferry.node.standin.StandInSpec;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandProgress;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.GpuSample;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.Images;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.StoreConfig;
import dev.ferry.storage.Stores;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A node with a stand-in's GPUs, without a coordinator: real sandboxes, real CRIU, real helper. */
final class TestingGpuNode implements AutoCloseable {
    static final Duration SOON = Duration.ofSeconds(40);

    final StandIn cards;
    final GpuNode gpu;
    private final GpuConfig config;
    private final String group = "ferrytest-" + Ids.random(6);
    private final CgroupLayout layout;
    private final Path folder;
    private final NodeContext context;
    final Images images;
    /** The store that ends with this node; null: its images are in one that a test has opened. */
    private @Nullable ObjectStore own;
    private final BlockingQueue<CommandResult> results = new LinkedBlockingQueue<>();
    private JobRegistry registry;
    private GpuMeter meter;
    /** What the coordinator was told of GPUs, while there is a link. */
    final List<GpuSample> samples = new ArrayList<>();
    volatile boolean linked = true;

    /** A node by itself, with two GPUs of 256 MiB and a store of its own in the folder {@code store}. */
    static TestingGpuNode alone(Path base, String lockTimeout, String callTimeout) throws Exception {
        ObjectStore store = Stores.open(StoreConfig.ofUrl("file://" + base.resolve("store")));
        TestingGpuNode node = new TestingGpuNode(base, "n", "stand-in:2xH100:580:256MiB", new Images(store), lockTimeout, callTimeout);
        node.own = store;
        return node;
    }

    TestingGpuNode(Path base, String name, String spec, Images images, String lockTimeout, String callTimeout) throws Exception {
        this(base, name, spec, images, lockTimeout, callTimeout, CgroupLayout.ofThisMachine(), Path.of("/usr/sbin/runc"));
    }

    TestingGpuNode(Path base, String name, String spec, Images images, String lockTimeout, String callTimeout, CgroupLayout layout, Path runc) throws Exception {
        this.layout = layout;
        this.images = images;
        folder = Files.createDirectories(base.resolve(name));
        cards = StandIn.start(folder.resolve("cards"), StandInSpec.parse(spec), name);
        GpuConfig told = cards.config();
        config = new GpuConfig(told.library(), told.nvml(), told.program(), told.standIn(), lockTimeout, callTimeout, "0s", List.of(folder.resolve("cdi").toString()));
        gpu = GpuNode.open(config, folder.resolve("gpu"));
        NodeFacts.Builder facts = NodeFacts.newBuilder().setArchitecture("amd64");
        gpu.addTo(facts);
        Hooks hooks = Hooks.open(List.of(), layout, group, folder.resolve("hooks"));
        context =
                new NodeContext(
                        name, folder, layout, group, new Sandbox(runc, folder.resolve("runc")), CriuBinary.find(null), images, new BufferPool(32, Images.WINDOW_BYTES), DumpSpeeds.open(folder.resolve("dump-speeds")), PreCopyConfig.defaults(), facts.build(),
                        NodePolicy.hiding(List.of(folder)), SOON, collect(), gpu, () -> false, hooks, new EvacuationHooks(hooks, name, folder.resolve("evacuations")), new Peers(Optional.empty()));
        restart();
    }

    /** As after the daemon's death: a new registry reads the journals. */
    void restart() throws IOException {
        if (registry != null) {
            registry.close();
        }
        registry = new JobRegistry(context);
        registry.recover();
        meter = new GpuMeter(registry, context, Duration.ofMinutes(1));
    }

    /** The GPUs as a daemon finds them that was started anew beside the same helper. */
    GpuNode openAgain() throws InterruptedException {
        return GpuNode.open(config, folder.resolve("gpu"));
    }

    private Outbox collect() {
        return new Outbox() {
            @Override
            public void result(CommandResult result) {
                results.add(result);
            }

            @Override
            public void progress(CommandProgress progress) {}

            @Override
            public void report(JobReport report) {}

            @Override
            public boolean sample(GpuSample sample) {
                if (linked) {
                    samples.add(sample);
                }
                return linked;
            }
        };
    }

    /** Has the stand-in do something, as its control file knows it. */
    void play(String command) throws Exception {
        assertThat(cards.control(command)).isEqualTo("ok\n");
    }

    /** Looks once what jobs do with their GPUs. */
    void look() throws Exception {
        meter.look();
    }

    /** Writes a CDI specification. */
    void specify(String yaml) throws IOException {
        Files.writeString(Files.createDirectories(folder.resolve("cdi")).resolve("nvidia.yaml"), yaml);
    }

    List<String> uuids() {
        return gpu.found().stream().map(GpuDevice::uuid).toList();
    }

    /** Orders something for which nobody waits yet: {@link #order} of another thing takes its result. */
    String begin(Command.Builder command, Duration within) {
        Command whole = command.setDeadlineMillis(within.toMillis()).build();
        registry.submit(whole);
        return whole.getId();
    }

    /** Gives an order and waits for its end, well or not. */
    CommandResult order(Command.Builder command) throws InterruptedException {
        return order(command, SOON);
    }

    CommandResult order(Command.Builder command, Duration within) throws InterruptedException {
        return await(begin(command, within));
    }

    CommandResult await(String id) throws InterruptedException {
        while (true) {
            CommandResult result = results.poll(SOON.toSeconds() * 2, TimeUnit.SECONDS);
            assertThat(result).as("an answer to " + id).isNotNull();
            registry.acknowledged(result.getId());
            // What an earlier daemon had left open is answered by the next one.
            if (result.getId().equals(id)) {
                return result;
            }
        }
    }

    CommandResult succeed(Command.Builder command) throws InterruptedException {
        CommandResult result = order(command);
        assertThat(result.hasError()).as(result.getError().toString()).isFalse();
        return result;
    }

    /** What is here of a job. */
    Optional<JobReport> report(String job) {
        return registry.report(job);
    }

    /** What the daemon keeps of a job. */
    Path jobFolder(String job) {
        return folder.resolve("jobs").resolve(job);
    }

    JobCgroup cgroup(String job) {
        return new JobCgroup(layout, group + "/" + job);
    }

    List<String> log(String job) throws IOException {
        Path log = folder.resolve("jobs").resolve(job).resolve("log").resolve("output.log");
        return Files.exists(log) ? Files.readAllLines(log) : List.of();
    }

    /** The helper's process. */
    ProcessHandle helper() {
        return ProcessHandle.allProcesses().filter(process -> process.info().command().orElse("").equals(folder.resolve("gpu/ferry-gpu").toString())).findFirst().orElseThrow();
    }

    @Override
    public void close() throws Exception {
        String ignored = cards.control("release");
        registry.close();
        JobCgroup all = new JobCgroup(layout, group);
        all.killAll();
        GpuHelper.letEnd(folder.resolve("gpu"));
        gpu.close();
        cards.close();
        all.remove();
        if (own != null) {
            own.close();
        }
    }
}
