package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.output.Table;
import dev.ferry.cli.output.Texts;
import dev.ferry.common.Configs;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.CoordinatorConfig;
import dev.ferry.coordinator.StateTransfer;
import dev.ferry.proto.v1.CreateTokenRequest;
import dev.ferry.proto.v1.CreateTokenResponse;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ListTokensRequest;
import dev.ferry.proto.v1.ListTokensResponse;
import dev.ferry.proto.v1.Owner;
import dev.ferry.proto.v1.RevokeTokenRequest;
import dev.ferry.proto.v1.Role;
import dev.ferry.proto.v1.Token;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code ferry admin token}. */
@Command(
        name = "token",
        description = "Makes, lists and revokes the tokens by which people and programs get in.",
        subcommands = {TokenVerbs.Create.class, TokenVerbs.Listing.class, TokenVerbs.Revoke.class, TokenVerbs.Reset.class},
        footer = {"", "Example:", "  ferry admin token list"})
public final class TokenVerbs implements Runnable {
    @Spec private CommandSpec spec;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Say what: ferry admin token create, list, revoke or reset");
    }

    private static String name(Role role) {
        return role.name().replace("ROLE_", "").toLowerCase(Locale.ROOT);
    }

    private static Role role(String name) {
        return Stream.of(Role.values())
                .filter(role -> role != Role.UNRECOGNIZED && role != Role.ROLE_UNSPECIFIED && name(role).equals(name))
                .findFirst()
                .orElseThrow(() -> new FerryException(ErrorCode.INVALID_ARGUMENT, "--role takes viewer, user, operator or admin, not '" + name + "'"));
    }

    /** {@code ferry admin token create}. */
    @Command(
            name = "create",
            description = {"Makes a token and prints it: it can't be shown again.", "A user, or a viewer for one, sees and touches only his own jobs; a token with an account alone all jobs of the account."},
            footer = {"", "Example:", "  (umask 077; ferry admin token create --role user --user ada --account physics --expires 30d > ada.token)"})
    public static final class Create implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Option(names = "--role", required = true, description = "viewer, user, operator or admin.")
        private String role = "";

        @Option(names = "--user", description = "Whose jobs it is for.", defaultValue = "")
        private String user = "";

        @Option(names = "--account", description = "The account that jobs are charged to.", defaultValue = "")
        private String account = "";

        @Option(names = "--expires", paramLabel = "TIME", description = "After how long it is no longer valid, for example 12h or 30d; else never.", defaultValue = "")
        private String expires = "";

        @Option(names = "--note", description = "For people: what it is for.", defaultValue = "")
        private String note = "";

        @Override
        public Integer call() {
            CreateTokenRequest request =
                    CreateTokenRequest.newBuilder()
                            .setRole(role(role))
                            .setOwner(Owner.newBuilder().setUser(user).setAccount(account))
                            .setLifetimeSeconds(Times.limitSeconds("--expires", expires))
                            .setNote(note)
                            .build();
            try (Client client = server.connect()) {
                CreateTokenResponse answer = client.administrate(stub -> stub.createToken(request));
                server.print(answer, () -> answer.getSecret() + "\n");
                return 0;
            }
        }
    }

    /** {@code ferry admin token list}. */
    @Command(name = "list", description = "Lists tokens; what their holders show is not known.", footer = {"", "Example:", "  ferry admin token list --all"})
    public static final class Listing implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Option(names = "--all", description = "Also those that are revoked or expired.")
        private boolean all;

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                ListTokensResponse answer = client.administrate(stub -> stub.listTokens(ListTokensRequest.newBuilder().setAll(all).build()));
                server.print(answer, () -> table(answer));
                return 0;
            }
        }

        private static String table(ListTokensResponse tokens) {
            Table table = new Table("TOKEN", "ROLE", "USER", "ACCOUNT", "MADE", "EXPIRES", "STATE", "NOTE");
            long now = System.currentTimeMillis();
            for (Token token : tokens.getTokensList()) {
                boolean expired = token.getExpiresAt() != 0 && token.getExpiresAt() <= now;
                table.row(
                        token.getId(), name(token.getRole()), token.getOwner().getUser(), token.getOwner().getAccount(), Texts.ago(token.getCreatedAt()),
                        token.getExpiresAt() == 0 ? "" : Instant.ofEpochMilli(token.getExpiresAt()).toString(),
                        token.getRevokedAt() != 0 ? "revoked" : expired ? "expired" : "valid", token.getNote());
            }
            return table.toString();
        }
    }

    /** {@code ferry admin token reset}. */
    @Command(
            name = "reset",
            description = {
                "Makes a new administrator's token for a coordinator that does not run, in 'access/token' of its data folder: for one who has lost his, or after 'ferry admin import' without the old folder 'access'.",
                "Other tokens stay valid; 'ferry admin token revoke' ends them when the coordinator runs again."
            },
            footer = {"", "Example:", "  ferry admin token reset --config coordinator.yaml"})
    public static final class Reset implements Callable<Integer> {
        @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
        private boolean help;

        @Option(names = "--config", required = true, paramLabel = "F", description = "Configuration of the coordinator.")
        private Path config = Path.of("");

        @Override
        public Integer call() throws IOException {
            System.out.println("an administrator's token is in " + StateTransfer.resetAdministrator(Configs.load(config, CoordinatorConfig.defaults())));
            return 0;
        }
    }

    /** {@code ferry admin token revoke}. */
    @Command(name = "revoke", description = "Lets nobody in by a token any more.", footer = {"", "Example:", "  ferry admin token revoke k3n7p2qx9m"})
    public static final class Revoke implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "TOKEN", description = "Id of the token, as 'ferry admin token list' shows it.")
        private String token = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                Token answer = client.administrate(stub -> stub.revokeToken(RevokeTokenRequest.newBuilder().setId(token).build()));
                server.print(answer, () -> answer.getId() + " is revoked\n");
                return 0;
            }
        }
    }
}
