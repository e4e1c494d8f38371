package dev.ferry.cli.verbs;

import com.google.protobuf.Struct;
import dev.ferry.cli.Client;
import dev.ferry.cli.output.Json;
import dev.ferry.common.Configs;
import dev.ferry.common.DurableFile;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.CoordinatorConfig;
import dev.ferry.coordinator.StateTransfer;
import dev.ferry.coordinator.store.StateFile;
import dev.ferry.proto.v1.BackupStateRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.StatePiece;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What takes a coordinator's state away and brings it back. */
final class StateVerbs {
    private StateVerbs() {}

    private static void requireNew(Path file) {
        if (Files.exists(file)) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "There is a file " + file + " already; give another name");
        }
    }

    /** {@code ferry admin backup}. */
    @Command(
            name = "backup",
            description = {
                "Writes the whole state of a running coordinator to a file: jobs, images, operations, nodes, accounts, tokens (their hashes), as they were at one moment.",
                "Not in it: the images themselves, the keys of the store and of the certificate authority, the audit log."
            },
            footer = {"", "Example:", "  ferry admin backup ferry-state.gz"})
    static final class Backup implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "FILE", description = "A new file, which only you can read.")
        private Path file = Path.of("");

        @Override
        public Integer call() throws IOException {
            requireNew(file);
            try (Client client = server.connect()) {
                DurableFile.writePrivate(
                        file.toAbsolutePath(),
                        to ->
                                client.eachEntry(
                                        stub -> stub.backupState(BackupStateRequest.getDefaultInstance()),
                                        (StatePiece piece) -> {
                                            try {
                                                piece.getContent().writeTo(to);
                                            } catch (IOException failed) {
                                                throw new UncheckedIOException(failed);
                                            }
                                        }));
            } catch (UncheckedIOException failed) {
                throw failed.getCause();
            }
            try (InputStream written = Files.newInputStream(file)) {
                long rows = StateFile.read(written, file.toString(), row -> {});
                long bytes = Files.size(file);
                Struct.Builder document = Struct.newBuilder().putFields("file", Json.text(file.toString())).putFields("rows", Json.number(rows)).putFields("bytes", Json.number(bytes));
                server.print(document, () -> rows + " rows, " + bytes + " bytes in " + file + ", read back whole\n");
            }
            return 0;
        }
    }

    /** {@code ferry admin export}. */
    @Command(
            name = "export",
            description = "Writes the state of a coordinator that does not run to a file, to be taken into another database: from SQLite to PostgreSQL, or the other way round.",
            footer = {"", "Example:", "  ferry admin export --config coordinator.yaml ferry-state.gz"})
    static final class Export implements Callable<Integer> {
        @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
        private boolean help;

        @Option(names = "--config", required = true, paramLabel = "F", description = "Configuration of the coordinator whose database it is.")
        private Path config = Path.of("");

        @Parameters(paramLabel = "FILE", description = "A new file, which only you can read.")
        private Path file = Path.of("");

        @Override
        public Integer call() throws IOException {
            requireNew(file);
            long rows = StateTransfer.export(Configs.load(config, CoordinatorConfig.defaults()), file.toAbsolutePath());
            System.out.println(rows + " rows, " + Files.size(file) + " bytes in " + file);
            return 0;
        }
    }

    /** {@code ferry admin import}. */
    @Command(
            name = "import",
            description = {
                "Takes a state from a file of 'export' or 'backup' into the database of a coordinator that was not started yet; all of it or nothing.",
                "Take along also the folders 'pki' and 'access' of the old data folder, else nodes must join anew, and 'ferry admin token reset' must make the administrator's token."
            },
            footer = {"", "Example:", "  ferry admin import --config coordinator.yaml ferry-state.gz"})
    static final class Import implements Callable<Integer> {
        @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
        private boolean help;

        @Option(names = "--config", required = true, paramLabel = "F", description = "Configuration of the coordinator that shall have the state.")
        private Path config = Path.of("");

        @Option(names = "--i-have-checked", description = "Takes a backup too: jobs that were submitted after it are ended by their nodes, those that moved since are taken for lost. Their images stay in the store.")
        private boolean checked;

        @Parameters(paramLabel = "FILE", description = "What 'export' or 'backup' wrote.")
        private Path file = Path.of("");

        @Override
        public Integer call() throws IOException {
            if (!Files.isReadable(file)) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, "State file " + file + " can't be read");
            }
            System.out.println(StateTransfer.load(Configs.load(config, CoordinatorConfig.defaults()), file, checked) + " rows taken from " + file);
            return 0;
        }
    }
}
