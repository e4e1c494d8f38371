package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.output.Table;
import dev.ferry.cli.output.Texts;
import dev.ferry.proto.v1.ListStoreKeysRequest;
import dev.ferry.proto.v1.RotateStoreKeysRequest;
import dev.ferry.proto.v1.StoreKey;
import dev.ferry.proto.v1.StoreKeys;
import dev.ferry.storage.seal.MasterKey;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code ferry store keys}. */
@Command(
        name = "keys",
        description = "Makes, lists or rotates the keys of an encrypted store.",
        subcommands = {StoreKeysVerb.Listing.class, StoreKeysVerb.Rotate.class, StoreKeysVerb.Generate.class},
        footer = {"", "Example:", "  ferry store keys list"})
public final class StoreKeysVerb implements Runnable {
    @Spec private CommandSpec spec;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Say what to do with the keys: list, rotate or generate");
    }

    private static String table(StoreKeys keys) {
        Table table = new Table("KEY", "MASTER", "AGE", "REWRAPPED");
        for (StoreKey key : keys.getKeysList()) {
            table.row(key.getName(), key.getMaster(), Texts.ago(key.getCreatedAt()), key.getRewrapped() ? "yes" : "");
        }
        return table.toString();
    }

    /** {@code ferry store keys list}. */
    @Command(name = "list", description = "Lists tenants' keys and the master key that wraps each; no secrets.", footer = {"", "Example:", "  ferry store keys list"})
    public static final class Listing implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                StoreKeys answer = client.ask(stub -> stub.listStoreKeys(ListStoreKeysRequest.getDefaultInstance()));
                server.print(answer, () -> table(answer));
                return 0;
            }
        }
    }

    /** {@code ferry store keys rotate}. */
    @Command(
            name = "rotate",
            description = "Wraps all tenants' keys by the master key that the coordinator has now; give it the old one as previousMasterKeyFile before.",
            footer = {"", "Example:", "  ferry store keys rotate --tenant user.anna"})
    public static final class Rotate implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Option(names = "--tenant", paramLabel = "TENANT", description = "Also give this tenant a new key for what is written from now on.", defaultValue = "")
        private String tenant = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                StoreKeys answer = client.ask(stub -> stub.rotateStoreKeys(RotateStoreKeysRequest.newBuilder().setTenant(tenant).build()));
                server.print(answer, () -> table(answer));
                return 0;
            }
        }
    }

    /** {@code ferry store keys generate}. */
    @Command(name = "generate", description = "Makes a new master key in a file of this machine that only you can read.", footer = {"", "Example:", "  ferry store keys generate /etc/ferry/store.key"})
    public static final class Generate implements Callable<Integer> {
        @Parameters(paramLabel = "FILE", description = "Where it is written; must not be there yet.")
        private Path file = Path.of("");

        @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
        private boolean help;

        @Override
        public Integer call() {
            System.out.println(MasterKey.generate(file) + " is in " + file + "; keep a copy: without it no image can be read");
            return 0;
        }
    }
}
