package dev.ferry.coordinator.store;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * State in one SQLite file: write-ahead log, every commit synced. One connection, one transaction at a
 * time; the file is locked for as long as the store is open.
 */
public final class SqliteStateStore implements StateStore {
    private static final int SCHEMA = 1;
    private static final List<String> TABLES =
            List.of(
                    "CREATE TABLE job (id TEXT PRIMARY KEY, name TEXT NOT NULL, live INTEGER NOT NULL, submitted INTEGER NOT NULL, record BLOB NOT NULL)",
                    "CREATE INDEX job_live ON job (live, submitted)",
                    "CREATE INDEX job_name ON job (name)",
                    "CREATE TABLE operation (id TEXT PRIMARY KEY, job TEXT NOT NULL, open INTEGER NOT NULL, started INTEGER NOT NULL, record BLOB NOT NULL)",
                    "CREATE INDEX operation_open ON operation (open, started)",
                    "CREATE INDEX operation_job ON operation (job, started)",
                    "CREATE TABLE image (id TEXT PRIMARY KEY, job TEXT NOT NULL, sequence INTEGER NOT NULL, record BLOB NOT NULL)",
                    "CREATE INDEX image_job ON image (job, sequence)",
                    "CREATE TABLE node (name TEXT PRIMARY KEY, record BLOB NOT NULL)");

    private final Connection connection;
    private final Path file;
    private final ReentrantLock turn = new ReentrantLock(true);
    private final List<Consumer<Iterable<String>>> listeners = new CopyOnWriteArrayList<>();

    private SqliteStateStore(Connection connection, Path file) {
        this.connection = connection;
        this.file = file;
    }

    /**
     * @throws FerryException WRONG_STATE when another process has the file, FORMAT_UNKNOWN when a newer
     *     Ferry wrote it
     */
    public static SqliteStateStore open(Path folder) throws IOException {
        Files.createDirectories(folder);
        Path file = folder.resolve("state.db");
        keepLibraryIn(folder.resolve("native"));
        try {
            Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
            try {
                prepare(connection, file);
                return new SqliteStateStore(connection, file);
            } catch (SQLException | RuntimeException failed) {
                connection.close();
                throw failed;
            }
        } catch (SQLException failed) {
            throw translate(failed, file);
        }
    }

    /**
     * The driver unpacks its native library into the folder for temporary files, and a process that is killed leaves it
     * there. In a folder of our own what the last one left is removed; a file that is in use stays mapped.
     */
    private static void keepLibraryIn(Path folder) throws IOException {
        Files.createDirectories(folder);
        try (DirectoryStream<Path> left = Files.newDirectoryStream(folder, "sqlite-*")) {
            for (Path file : left) {
                Files.deleteIfExists(file);
            }
        }
        System.setProperty("org.sqlite.tmpdir", folder.toString());
    }

    private static void prepare(Connection connection, Path file) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("PRAGMA locking_mode = EXCLUSIVE");
            statement.execute("PRAGMA journal_mode = WAL");
            statement.execute("PRAGMA synchronous = FULL");
            statement.execute("PRAGMA busy_timeout = 0");
            statement.execute("BEGIN IMMEDIATE");
            int version;
            try (var row = statement.executeQuery("PRAGMA user_version")) {
                version = row.getInt(1);
            }
            if (version > SCHEMA) {
                throw new FerryException(ErrorCode.FORMAT_UNKNOWN, "The database " + file + " has schema " + version + "; this Ferry knows " + SCHEMA);
            }
            if (version == 0) {
                for (String table : TABLES) {
                    statement.execute(table);
                }
                statement.execute("PRAGMA user_version = " + SCHEMA);
            }
            statement.execute("COMMIT");
        }
        connection.setAutoCommit(false);
    }

    @Override
    public <T> T transact(Function<Transaction, T> work) {
        SqliteTransaction transaction;
        T result;
        turn.lock();
        try {
            transaction = new SqliteTransaction(connection, file);
            try {
                result = work.apply(transaction);
                connection.commit();
            } catch (SQLException failed) {
                rollBack(failed);
                throw translate(failed, file);
            } catch (RuntimeException | Error failed) {
                rollBack(failed);
                throw failed;
            }
        } finally {
            turn.unlock();
        }
        if (!transaction.changed().isEmpty()) {
            listeners.forEach(listener -> listener.accept(transaction.changed()));
        }
        return result;
    }

    private void rollBack(Throwable cause) {
        try {
            connection.rollback();
        } catch (SQLException failed) {
            cause.addSuppressed(failed);
        }
    }

    @Override
    public void onChange(Consumer<Iterable<String>> listener) {
        listeners.add(listener);
    }

    static FerryException translate(SQLException failed, Path file) {
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
        turn.lock();
        try {
            connection.close();
        } catch (SQLException failed) {
            throw translate(failed, file);
        } finally {
            turn.unlock();
        }
    }
}
