package dev.ferry.coordinator;

import dev.ferry.common.DurableFile;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.access.LocalFolder;
import dev.ferry.coordinator.access.Tokens;
import dev.ferry.coordinator.store.LeaderRow;
import dev.ferry.coordinator.store.PostgresDatabase;
import dev.ferry.coordinator.store.PostgresStateStore;
import dev.ferry.coordinator.store.SqlStateStore;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateFile;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.StateHeader;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.function.Function;

/** What is done with the state of a coordinator that does not run: it is taken out of its database and into another one, of whichever kind, or mended. */
public final class StateTransfer {
    /** Nobody else may lead while a state is taken in. */
    private static final Duration TERM = Duration.ofMinutes(10);

    private StateTransfer() {}

    static String version() {
        return Optional.ofNullable(StateTransfer.class.getPackage().getImplementationVersion()).orElse("development");
    }

    private static long write(StateStore store, boolean running, OutputStream to) throws IOException {
        return StateFile.write(store::export, StateHeader.newBuilder().setVersion(version()).setWrittenAt(System.currentTimeMillis()).setOfRunning(running).build(), to);
    }

    /**
     * Writes the state of a coordinator that does not run to a file, which only its owner can read.
     *
     * @return number of rows
     * @throws FerryException WRONG_STATE when there is no state, or a coordinator has it
     */
    public static long export(CoordinatorConfig config, Path file) throws IOException {
        requireFile(config);
        return with(
                config,
                store -> {
                    store.requireState();
                    long[] rows = new long[1];
                    writeFile(file, to -> rows[0] = write(store, false, to));
                    return rows[0];
                });
    }

    /** Opening a database that is not there would make one. */
    private static void requireFile(CoordinatorConfig config) {
        if (!config.database().shared() && !Files.exists(Path.of(config.data()).resolve("state.db"))) {
            throw new FerryException(ErrorCode.WRONG_STATE, "There is no coordinator's state in " + config.data());
        }
    }

    /**
     * Makes a token for the administrator of a coordinator that does not run: whoever can read its data can do everything anyway.
     *
     * @return the file that it is in, which only its owner can read
     * @throws FerryException WRONG_STATE when there is no state, or a coordinator has it
     */
    public static Path resetAdministrator(CoordinatorConfig config) throws IOException {
        requireFile(config);
        return with(
                config,
                store -> {
                    store.requireState();
                    try {
                        return LocalFolder.reset(new Tokens(store), Path.of(config.data()));
                    } catch (IOException failed) {
                        throw new UncheckedIOException(failed);
                    }
                });
    }

    private static void writeFile(Path file, DurableFile.Content content) {
        try {
            DurableFile.writePrivate(file, content);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /**
     * Takes a state from a file into the database of a coordinator that was never started.
     *
     * @param checked an old state is meant: what has happened since is not in it, and nodes end what a coordinator does not know
     * @return number of rows
     * @throws FerryException WRONG_STATE when there is a state already, or a coordinator has the database, or the state is that
     *     of a coordinator that went on; FORMAT_UNKNOWN, INVALID_ARGUMENT when the file is not whole; then nothing was taken
     */
    public static long load(CoordinatorConfig config, Path file, boolean checked) throws IOException {
        boolean wentOn;
        try (InputStream from = Files.newInputStream(file)) {
            StateHeader header = StateFile.header(from, file.toString());
            wentOn = header.getOfRunning();
            if (wentOn && !checked) {
                throw new FerryException(
                        ErrorCode.WRONG_STATE,
                        "State file " + file + " is a backup of " + Instant.ofEpochMilli(header.getWrittenAt()) + ", and its coordinator went on: nodes end the jobs that were submitted since, and those that moved are taken for lost."
                                + " Save what you can with the old state; then say --i-have-checked");
            }
        }
        long[] rows = new long[1];
        return with(
                config,
                store -> {
                    store.load(
                            each -> {
                                try (InputStream from = Files.newInputStream(file)) {
                                    rows[0] = StateFile.read(from, file.toString(), each);
                                } catch (IOException failed) {
                                    throw new UncheckedIOException(failed);
                                }
                            },
                            wentOn);
                    return rows[0];
                });
    }

    private static <T> T with(CoordinatorConfig config, Function<SqlStateStore, T> work) throws IOException {
        try {
            return config.database().shared() ? withShared(config.database(), work) : withFile(config, work);
        } catch (UncheckedIOException failed) {
            throw failed.getCause();
        }
    }

    private static <T> T withFile(CoordinatorConfig config, Function<SqlStateStore, T> work) throws IOException {
        try (SqliteStateStore store = SqliteStateStore.open(Path.of(config.data()))) {
            return work.apply(store);
        }
    }

    private static <T> T withShared(DatabaseConfig config, Function<SqlStateStore, T> work) {
        try (PostgresDatabase database = PostgresDatabase.open(config.url(), config.user(), config.password())) {
            LeaderRow leader = new LeaderRow(database);
            long epoch =
                    leader.take("state transfer", "", TERM)
                            .orElseThrow(() -> new FerryException(ErrorCode.WRONG_STATE, "A coordinator leads on " + database.name() + "; stop all that use it, and wait until the last one's term is over"));
            try (PostgresStateStore store = new PostgresStateStore(database, epoch)) {
                return work.apply(store);
            } finally {
                leader.resign(epoch);
            }
        }
    }

    /**
     * Gives the state of a coordinator that runs, piece by piece. It is written down before the first piece is given: the
     * reader may be slow, and whatever else the coordinator does must not wait for him.
     *
     * @param folder for the time between
     */
    public static void backUp(StateStore store, Path folder, Pieces to) throws IOException {
        Path file = Files.createTempFile(folder, "backup", ".tmp");
        // Without a name it is gone with us, whatever happens.
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            Files.delete(file);
            long ignored = write(store, true, Channels.newOutputStream(channel));
            channel.position(0);
            InputStream content = Channels.newInputStream(channel);
            for (byte[] piece = content.readNBytes(Pieces.BYTES); piece.length > 0; piece = content.readNBytes(Pieces.BYTES)) {
                if (!to.take(piece)) {
                    return;
                }
            }
        }
    }

    /** Whoever takes a file in pieces. */
    public interface Pieces {
        /** Largest piece. */
        int BYTES = 1 << 18;

        /**
         * @return whether it takes more
         */
        boolean take(byte[] piece);
    }
}
