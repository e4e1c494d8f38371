package dev.ferry.coordinator.store;

import dev.ferry.common.FerryException;
import dev.ferry.common.PrivateFolder;
import dev.ferry.common.UnpackedLibrary;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.JdbiException;

/**
 * State in one SQLite file: write-ahead log, every commit synced. One connection, one transaction at a
 * time; the file is locked for as long as the store is open.
 */
public final class SqliteStateStore extends SqlStateStore {
    private final Handle handle;
    private final Path file;

    private SqliteStateStore(Handle handle, Path file) {
        this.handle = handle;
        this.file = file;
    }

    /**
     * @throws FerryException WRONG_STATE when another process has the file, FORMAT_UNKNOWN when a newer
     *     Ferry wrote it
     */
    public static SqliteStateStore open(Path folder) throws IOException {
        // Jobs' environments are in it, and hashes of tokens.
        PrivateFolder.close(folder);
        Path file = folder.resolve("state.db");
        UnpackedLibrary.keepIn(folder.resolve("native"), "sqlite-*", "org.sqlite.tmpdir");
        try {
            Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
            try {
                prepare(connection, file);
                return new SqliteStateStore(Jdbi.create(connection).open(), file);
            } catch (SQLException | IOException | RuntimeException failed) {
                connection.close();
                throw failed;
            }
        } catch (SQLException failed) {
            throw translate(failed, file);
        }
    }

    private static void prepare(Connection connection, Path file) throws SQLException, IOException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("PRAGMA locking_mode = EXCLUSIVE");
            statement.execute("PRAGMA journal_mode = WAL");
            statement.execute("PRAGMA synchronous = FULL");
            statement.execute("PRAGMA busy_timeout = 0");
            statement.execute("BEGIN IMMEDIATE");
            SqliteSchema.migrate(statement, file);
            statement.execute("COMMIT");
        }
    }

    @Override
    Handle begin() {
        return handle.begin();
    }

    @Override
    void release(Handle ofTransaction) {
        // There is one connection for all.
    }

    @Override
    void fence(Handle ofTransaction) {
        // The lock on the file is the fence: no other process has it.
    }

    @Override
    public boolean canBeDeposed() {
        return false;
    }

    @Override
    void holdStill(Handle ofTransaction) {
        // There is one connection for all.
    }

    /** There is one connection for all. */
    @Override
    void reading(Runnable work) {
        alone(work);
    }

    @Override
    FerryException translate(JdbiException failed) {
        return failed.getCause() instanceof SQLException cause ? translate(cause, file) : new FerryException(ErrorCode.INTERNAL, "The database " + file + " failed: " + failed.getMessage(), failed);
    }

    private static FerryException translate(SQLException failed, Path file) {
        String message = String.valueOf(failed.getMessage());
        if (message.contains("SQLITE_BUSY") || message.contains("database is locked")) {
            return new FerryException(
                    ErrorCode.WRONG_STATE, "Another coordinator uses the database " + file + "; give each its own 'data' folder", failed);
        }
        if (message.contains("SQLITE_FULL")) {
            return new FerryException(ErrorCode.DISK_FULL, "The disk of the database " + file + " is full", failed);
        }
        return new FerryException(ErrorCode.INTERNAL, "The database " + file + " failed: " + message, failed);
    }

    @Override
    public void close() {
        alone(
                () -> {
                    // The handle leaves a connection open that it was given.
                    try (Connection connection = handle.getConnection()) {
                        handle.close();
                    } catch (SQLException failed) {
                        throw translate(failed, file);
                    }
                });
    }
}
