package dev.ferry.cli.verbs;

import dev.ferry.cli.Access;
import dev.ferry.cli.Client;
import dev.ferry.common.Configs;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.node.NodeConfig;
import dev.ferry.node.link.Joining;
import dev.ferry.node.link.Membership;
import dev.ferry.proto.v1.CreateJoinTokenRequest;
import dev.ferry.proto.v1.CreateJoinTokenResponse;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.NodeIdentity;
import dev.ferry.proto.v1.RevokeNodeRequest;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** How machines become nodes, and cease to be. */
final class JoinVerbs {
    private JoinVerbs() {}

    /** {@code ferry admin join-token}. */
    @Command(
            name = "join-token",
            description = {"Makes a token by which one machine joins as a node, once, and prints it.", "Put it into the node's configuration (joinToken), or use it with 'ferry node join'."},
            footer = {"", "Example:", "  ferry admin join-token --node node-7 --expires 1h"})
    public static final class Invite implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Option(names = "--node", description = "Only under this name; needed where a node of this name has joined before, whose place the machine takes.", defaultValue = "")
        private String node = "";

        @Option(names = "--expires", paramLabel = "TIME", description = "How long it may be used, at most 7d; default 1h.", defaultValue = "1h")
        private String expires = "1h";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                CreateJoinTokenRequest request = CreateJoinTokenRequest.newBuilder().setNode(node).setLifetimeSeconds(Durations.parse(expires).toSeconds()).build();
                CreateJoinTokenResponse answer = client.administrate(stub -> stub.createJoinToken(request));
                server.print(answer, () -> answer.getSecret() + "\n");
                return 0;
            }
        }
    }

    /** {@code ferry admin revoke-node}. */
    @Command(
            name = "revoke-node",
            description = "Lets a node in no more, from its next message on. What runs there goes on; 'ferry node declare-dead' says when it does not.",
            footer = {"", "Example:", "  ferry admin revoke-node node-7"})
    public static final class RevokeNode implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "NODE", description = "Name of the node.")
        private String node = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                NodeIdentity answer = client.administrate(stub -> stub.revokeNode(RevokeNodeRequest.newBuilder().setNode(node).build()));
                server.print(answer, () -> answer.getNode() + " is revoked\n");
                return 0;
            }
        }
    }

    /** {@code ferry node join}. */
    @Command(
            name = "join",
            description = "Makes this machine a node, by a join token: it gets its certificate, which the daemon renews by itself from then on.",
            footer = {"", "Example:", "  ferry node join --config /etc/ferry/node.yaml --token-file join.token"})
    public static final class Join implements Callable<Integer> {
        @Option(names = "--config", paramLabel = "FILE", required = true, description = "The daemon's configuration: its name, its data folder and the coordinator's address are taken from it.")
        private Path config = Path.of("");

        @Option(names = "--token-file", paramLabel = "FILE", description = "File with the join token; else FERRY_JOIN_TOKEN, else joinToken of the configuration.")
        private @Nullable Path tokenFile;

        @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
        private boolean help;

        @Override
        public Integer call() throws Exception {
            NodeConfig settings = Configs.load(config, NodeConfig.defaults());
            String environment = System.getenv().getOrDefault("FERRY_JOIN_TOKEN", "");
            String token = tokenFile != null ? Access.read(tokenFile) : environment.isEmpty() ? settings.joinToken() : environment;
            if (token.isEmpty()) {
                throw new FerryException(ErrorCode.JOIN_REFUSED, "There is no join token: give --token-file; `ferry admin join-token` makes one");
            }
            Membership joined = Joining.join(settings.pki(), settings.name(), settings.coordinator(), token);
            System.out.println(settings.name() + " has joined; its certificate lasts until " + joined.end());
            return 0;
        }
    }
}
