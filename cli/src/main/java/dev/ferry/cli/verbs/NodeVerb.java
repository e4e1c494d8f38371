package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.output.Table;
import dev.ferry.cli.output.Texts;
import dev.ferry.common.Configs;
import dev.ferry.common.FerryException;
import dev.ferry.node.NodeConfig;
import dev.ferry.node.NodeDaemon;
import dev.ferry.proto.v1.DeclareNodeDeadRequest;
import dev.ferry.proto.v1.DrainNodeResponse;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetNodeRequest;
import dev.ferry.proto.v1.ListNodesResponse;
import dev.ferry.proto.v1.ListNodesRequest;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Operation;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
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
        description = "Runs a node's daemon, or drains, undrains or declares dead a node.",
        subcommands = {NodeVerb.Drain.class, NodeVerb.Undrain.class, NodeVerb.DeclareDead.class},
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
            throw new ParameterException(spec.commandLine(), "Give --config FILE to run the daemon, or say what to do: drain, undrain or declare-dead NODE");
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
            Table table = new Table("NODE", "STATE", "USED", "JOBS", "HEARD", "CRIU", "KERNEL", "NOTE");
            for (Node node : nodes.getNodesList()) {
                table.row(
                        node.getName(), node.getState().name(), Texts.use(node.getAllocated(), node.getCapacity()), Integer.toString(node.getJobsCount()),
                        Texts.ago(node.getLastHeardAt()), node.getFacts().getCriuVersion(), node.getFacts().getKernel(), node.getReason());
            }
            return table.toString();
        }
    }

    /** {@code ferry node drain}. */
    @Command(name = "drain", description = "Moves a node's jobs away and gives it no new ones.", footer = {"", "Example:", "  ferry node drain node-2"})
    public static final class Drain implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "NODE", description = "Name of the node.")
        private String node = "";

        @Option(names = "--detach", description = "Return when the moves have begun.")
        private boolean detach;

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                DrainNodeResponse answer = client.ask(stub -> stub.drainNode(GetNodeRequest.newBuilder().setNode(node).build()));
                if (detach || server.json()) {
                    server.print(answer, () -> answer.getNode().getName() + " is " + answer.getNode().getState() + ", " + answer.getOperationsCount() + " jobs move away\n");
                    return 0;
                }
                for (Operation move : answer.getOperationsList()) {
                    int ignored = Operations.follow(server, client, move);
                }
                Node after = client.ask(stub -> stub.getNode(GetNodeRequest.newBuilder().setNode(node).build()));
                System.out.println(after.getName() + " is " + after.getState() + (after.getJobsCount() == 0 ? "" : ": " + String.join(", ", after.getJobsList()) + " could not be moved, 'ferry show' says why"));
                return after.getState() == NodeState.DRAINED ? 0 : dev.ferry.cli.Main.statusOf(new FerryException(ErrorCode.NO_CAPACITY, node));
            }
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
            try (Client client = server.connect()) {
                Node answer = client.ask(stub -> stub.declareNodeDead(DeclareNodeDeadRequest.newBuilder().setNode(node).setChecked(checked).build()));
                server.print(answer, () -> answer.getName() + " is " + answer.getState() + ": " + answer.getReason() + "\n");
                return 0;
            }
        }
    }
}
