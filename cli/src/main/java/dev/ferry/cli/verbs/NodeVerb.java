package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.output.Table;
import dev.ferry.cli.output.Texts;
import dev.ferry.common.Configs;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.node.NodeConfig;
import dev.ferry.node.NodeDaemon;
import dev.ferry.proto.v1.DeclareNodeDeadRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetNodeRequest;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.ListNodesResponse;
import dev.ferry.proto.v1.ListNodesRequest;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeFacts;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code ferry node}: the daemon itself, and the verbs for nodes. */
@Command(
        name = "node",
        description = "Runs a node's daemon, joins a machine to the cluster, or shows, drains, undrains, evacuates, declares dead or removes a node.",
        subcommands = {JoinVerbs.Join.class, NodeVerb.Show.class, NodeDrain.class, NodeVerb.Undrain.class, NodeVerb.DeclareDead.class, RemovalVerbs.RemoveNode.class, EvacuateVerbs.Evacuate.class, EvacuateVerbs.Gone.class},
        footer = {"", "Examples:", "  ferry node --config /etc/ferry/node.yaml", "  ferry node drain node-2"})
public final class NodeVerb implements Callable<Integer> {
    private static final Duration LOOK = Duration.ofSeconds(60);

    @Spec private CommandSpec spec;

    @Option(names = "--config", paramLabel = "FILE", description = "Run the daemon with this configuration; 'ferry config print-defaults node' prints one.")
    private @Nullable Path config;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public Integer call() throws Exception {
        if (config == null) {
            throw new ParameterException(spec.commandLine(), "Give --config FILE to run the daemon, or say what to do: join, show, drain, undrain, evacuate, gone, declare-dead or remove NODE");
        }
        NodeConfig settings = Configs.load(config, NodeConfig.defaults());
        Daemons.run(
                () -> NodeDaemon.start(settings),
                daemon -> {
                    while (!daemon.awaitRegistered(LOOK)) {
                        System.err.println("ferry: node " + settings.name() + " still waits for the coordinator at " + settings.coordinator());
                    }
                    return "ready name=" + settings.name();
                });
        return 0;
    }

    /** {@code ferry nodes}. */
    @Command(name = "nodes", description = "Lists nodes.", footer = {"", "Example:", "  ferry nodes"})
    public static final class Listing implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                ListNodesResponse answer = client.ask(stub -> stub.listNodes(ListNodesRequest.getDefaultInstance()));
                server.print(answer, () -> table(answer));
                return 0;
            }
        }

        private static String table(ListNodesResponse nodes) {
            Table table = new Table("NODE", "STATE", "USED", "JOBS", "HEARD", "LEASE", "CRIU", "KERNEL", "GPU", "NOTE");
            for (Node node : nodes.getNodesList()) {
                table.row(
                        node.getName(), node.getState().name(), Texts.use(node.getAllocated(), node.getCapacity()), Integer.toString(node.getJobsCount()),
                        Texts.ago(node.getLastHeardAt()), Texts.lease(node), node.getFacts().getCriuVersion(), node.getFacts().getKernel(), gpus(node), note(node));
            }
            return table.toString();
        }
    }

    /** What its state rests on, and why it gets no jobs although it is ready. */
    private static String note(Node node) {
        return Stream.of(node.getReason(), node.getStoreProblem()).filter(each -> !each.isEmpty()).collect(Collectors.joining("; "));
    }

    /** What GPUs a node has, whether their state can be saved, and which are failing; empty: it has none. */
    private static String gpus(Node node) {
        NodeFacts facts = node.getFacts();
        if (facts.getGpusCount() == 0) {
            return "";
        }
        Map<String, Long> models = facts.getGpusList().stream().collect(Collectors.groupingBy(Gpu::getModel, TreeMap::new, Collectors.counting()));
        String all = models.entrySet().stream().map(entry -> entry.getValue() + " " + entry.getKey()).collect(Collectors.joining(", "));
        String failing = facts.getGpusList().stream().filter(gpu -> !gpu.getSick().isEmpty()).map(Gpu::getUuid).collect(Collectors.joining(", "));
        String can = facts.getGpuCanMap() ? "can move" : facts.getGpuCanSave() ? "can be saved, not moved" : "can't be saved";
        return (facts.getGpuStandIn() ? "gpu: stand-in, " : "") + all + ", driver " + facts.getGpuDriver() + ", " + can + (failing.isEmpty() ? "" : ", failing: " + failing);
    }

    /** {@code ferry node show}. */
    @Command(name = "show", description = "Shows a node: what it is, who is on it, and how its lease stands.", footer = {"", "Example:", "  ferry node show node-2"})
    public static final class Show implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "NODE", description = "Name of the node.")
        private String node = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                Node answer = client.ask(stub -> stub.getNode(GetNodeRequest.newBuilder().setNode(node).build()));
                server.print(answer, () -> text(answer));
                return 0;
            }
        }

        private static String text(Node node) {
            StringBuilder text = new StringBuilder();
            line(text, "node", node.getName() + "  " + node.getState());
            line(text, "note", node.getReason());
            line(text, "store", node.getStoreProblem().isEmpty() ? node.getFacts().getStore().getPlace() : node.getStoreProblem());
            line(text, "heard", Texts.ago(node.getLastHeardAt()) + " ago");
            line(text, "lease", node.getLeaseMillis() == 0 ? "none: its jobs are not frozen when it is cut off" : Durations.format(Duration.ofMillis(node.getLeaseMillis())) + ", " + Texts.lease(node));
            line(text, "proof", node.getProof().getDetail());
            line(text, "used", Texts.use(node.getAllocated(), node.getCapacity()));
            line(text, "jobs", String.join(", ", node.getJobsList()));
            line(text, "kernel", node.getFacts().getKernel() + " " + node.getFacts().getArchitecture() + ", control groups " + node.getFacts().getCgroupLayout());
            line(text, "tools", "CRIU " + node.getFacts().getCriuVersion() + ", runc " + node.getFacts().getRuncVersion() + ", Ferry " + node.getFacts().getFerryVersion());
            line(text, "gpu", gpus(node));
            for (Gpu gpu : node.getFacts().getGpusList()) {
                String why = gpu.getSick().isEmpty() && gpu.getMig() ? "it is in MIG mode" : gpu.getSick();
                line(text, gpu.getSick().isEmpty() ? "no jobs" : "failing", why.isEmpty() ? "" : gpu.getUuid() + " (/dev/nvidia" + gpu.getMinor() + "): " + why);
            }
            return text.toString();
        }

        private static void line(StringBuilder text, String key, String value) {
            text.append(Texts.line(8, key, value));
        }
    }

    /** {@code ferry node undrain}. */
    @Command(name = "undrain", description = "Opens a drained node to jobs again.", footer = {"", "Example:", "  ferry node undrain node-2"})
    public static final class Undrain implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "NODE", description = "Name of the node.")
        private String node = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                Node answer = client.ask(stub -> stub.undrainNode(GetNodeRequest.newBuilder().setNode(node).build()));
                server.print(answer, () -> answer.getName() + " is " + answer.getState() + "\n");
                return 0;
            }
        }
    }

    /** {@code ferry node declare-dead}. */
    @Command(
            name = "declare-dead",
            description = "Records your word that nothing runs on a node any more; its jobs may be restored elsewhere then.",
            footer = {"", "Example:", "  ferry node declare-dead node-2 --i-have-checked"})
    public static final class DeclareDead implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "NODE", description = "Name of the node.")
        private String node = "";

        @Option(names = "--i-have-checked", description = "You have seen that the machine is off or gone. If it is not, jobs may run twice.")
        private boolean checked;

        @Override
        public Integer call() {
            if (!checked) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Declaring " + node + " dead lets its jobs start elsewhere: look that its machine is off or gone, then say --i-have-checked");
            }
            try (Client client = server.connect()) {
                Node answer = client.ask(stub -> stub.declareNodeDead(DeclareNodeDeadRequest.newBuilder().setNode(node).setChecked(checked).build()));
                server.print(answer, () -> answer.getName() + " is " + answer.getState() + ": " + answer.getReason() + "\n");
                return 0;
            }
        }
    }
}
