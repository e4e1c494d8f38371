package dev.ferry.coordinator.store;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/**
 * A PostgreSQL server for a trial or a test, on loopback, gone with all it holds when it is closed. It runs as the user that Debian's
 * package makes, because it refuses root. It writes nothing through to the disk: no machine is lost in a trial. It ends with the process that
 * started it, also when that is killed; what it leaves on the disk then is removed by the next start of any.
 */
public final class PostgresServer implements AutoCloseable {
    private static final String USER = "postgres";
    private static final String FOLDER = "ferry-postgres";
    /** Says whose a folder is: pid and start time of the process that will remove it. */
    private static final String OWNER = "owner";
    private static final Set<String> TRUSTED = Set.copyOf(List.of("root", USER, System.getProperty("user.name", "root")));
    private static final Path VERSIONS = Path.of("/usr/lib/postgresql");
    private static final AtomicInteger DATABASES = new AtomicInteger();
    private static final Duration READY = Duration.ofSeconds(30);
    private static final long LOOK_MILLIS = 50;

    private final Path folder;
    private final Path binaries;
    private final int port;
    private Process process;

    private PostgresServer(Path folder, Path binaries) throws IOException, InterruptedException {
        this.folder = folder;
        this.binaries = binaries;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        run("chown", USER, folder.toString());
        run("runuser", "-u", USER, "--", binaries.resolve("initdb").toString(), "-D", folder.resolve("data").toString(), "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C");
        process = launch();
        awaitReady();
    }

    /** Words by which a process is told from later ones with its number; empty: there is none. */
    private static String identity(long pid) {
        try {
            String stat = Files.readString(Path.of("/proc", Long.toString(pid), "stat"), StandardCharsets.ISO_8859_1);
            // The name, which may hold anything, ends with the last bracket; its start is the 20th field behind it.
            return pid + " " + stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1)[19];
        } catch (IOException gone) {
            return "";
        }
    }

    /** Ends and removes servers whose owners were killed. */
    public static void removeLeftovers() throws IOException, InterruptedException {
        removeLeftovers(where());
    }

    private static Path where() {
        return Path.of(System.getProperty("java.io.tmpdir", "/tmp"));
    }

    static void removeLeftovers(Path where) throws IOException, InterruptedException {
        try (DirectoryStream<Path> folders = Files.newDirectoryStream(where, FOLDER + "*")) {
            for (Path folder : folders) {
                if (isLeftover(folder)) {
                    removeLeftover(folder);
                }
            }
        }
    }

    private static boolean isLeftover(Path folder) throws IOException {
        Path owner = folder.resolve(OWNER);
        try {
            // Anybody may make a folder of that name there, with anything in it.
            boolean ours = Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS) && TRUSTED.contains(Files.getOwner(folder, LinkOption.NOFOLLOW_LINKS).getName());
            // One without a word is being made at this moment, or was made by an older Ferry.
            if (!ours || !Files.isRegularFile(owner, LinkOption.NOFOLLOW_LINKS)) {
                return false;
            }
            String words = Files.readString(owner);
            return !words.isEmpty() && !words.equals(identity(Long.parseLong(words.split(" ", 2)[0])));
        } catch (NoSuchFileException | NumberFormatException notOurs) {
            // Its owner removes it at this moment, or it is none of ours.
            return false;
        }
    }

    private static void removeLeftover(Path folder) throws IOException, InterruptedException {
        List<ProcessHandle> left = ProcessHandle.allProcesses().filter(process -> isOf(process.pid(), folder)).toList();
        left.forEach(ProcessHandle::destroyForcibly);
        for (ProcessHandle one : left) {
            try {
                var unused = one.onExit().get(READY.toSeconds(), TimeUnit.SECONDS);
            } catch (ExecutionException | TimeoutException stays) {
                throw new IOException("PostgreSQL of " + folder + ", whose owner is gone, does not end: process " + one.pid(), stays);
            }
        }
        delete(folder);
    }

    private static boolean isOf(long pid, Path folder) {
        try {
            return Files.readString(Path.of("/proc", Long.toString(pid), "cmdline"), StandardCharsets.ISO_8859_1).contains("\0" + folder.resolve("data") + "\0");
        } catch (IOException ended) {
            return false;
        }
    }

    /**
     * Starts a server with no database of Ferry's.
     *
     * @throws FerryException START_FAILED when there is no PostgreSQL on this machine, or it can't be started
     */
    public static PostgresServer start() throws IOException, InterruptedException {
        Path binaries = binaries();
        removeLeftovers();
        Path folder = Files.createTempDirectory(where(), FOLDER, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        try {
            Files.writeString(folder.resolve(OWNER), identity(ProcessHandle.current().pid()));
            return new PostgresServer(folder, binaries);
        } catch (IOException | InterruptedException | RuntimeException failed) {
            delete(folder);
            throw failed;
        }
    }

    private static Path binaries() throws IOException {
        if (Files.isDirectory(VERSIONS)) {
            try (DirectoryStream<Path> versions = Files.newDirectoryStream(VERSIONS)) {
                for (Path version : versions) {
                    if (Files.isExecutable(version.resolve("bin/initdb"))) {
                        return version.resolve("bin");
                    }
                }
            }
        }
        throw new FerryException(ErrorCode.START_FAILED, "There is no PostgreSQL server in " + VERSIONS + ": install Debian's package postgresql ('./ferry setup test' does)");
    }

    private static void run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).directory(Path.of("/").toFile()).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new FerryException(ErrorCode.START_FAILED, String.join(" ", command) + " failed: " + output);
        }
    }

    /**
     * The kernel ends it when the thread that started it has ended: that is one which waits for it. The user must have been changed before, by which the kernel
     * forgets that.
     */
    private Process launch() throws IOException {
        // In a session of its own: Ctrl-C in a terminal is for whoever started it.
        List<String> command = new ArrayList<>(List.of("setsid", "setpriv", "--reuid", USER, "--regid", USER, "--init-groups", "--pdeathsig", "QUIT", binaries.resolve("postgres").toString()));
        command.addAll(List.of("-D", folder.resolve("data").toString(), "-p", Integer.toString(port), "-h", "127.0.0.1", "-k", folder.toString(), "-F"));
        CompletableFuture<Process> started = new CompletableFuture<>();
        Thread unused = Thread.ofPlatform().daemon().name("PostgreSQL").start(() -> {
            try {
                Process running = new ProcessBuilder(command).directory(Path.of("/").toFile()).redirectErrorStream(true).redirectOutput(folder.resolve("log").toFile()).start();
                started.complete(running);
                int ignored = running.waitFor();
            } catch (IOException failed) {
                started.completeExceptionally(failed);
            } catch (InterruptedException nobody) {
                Thread.currentThread().interrupt();
            }
        });
        try {
            return started.join();
        } catch (CompletionException failed) {
            throw new IOException(failed.getCause());
        }
    }

    private void awaitReady() throws IOException {
        long end = System.nanoTime() + READY.toNanos();
        while (true) {
            try {
                execute("SELECT 1");
                return;
            } catch (SQLException notYet) {
                if (!process.isAlive() || System.nanoTime() - end > 0) {
                    boolean ignored = process.destroyForcibly().isAlive();
                    throw new FerryException(ErrorCode.START_FAILED, "PostgreSQL is not ready: " + Files.readString(folder.resolve("log")), notYet);
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(LOOK_MILLIS));
            }
        }
    }

    /** Starts the server on what is in its folder, after {@link #crash}. */
    public void boot() throws IOException {
        process = launch();
        awaitReady();
    }

    /** SIGQUIT: it ends at once, as after a crash. */
    public void crash() throws IOException, InterruptedException {
        signal("QUIT");
    }

    private void signal(String name) throws IOException, InterruptedException {
        String pid = Files.readAllLines(folder.resolve("data/postmaster.pid")).getFirst();
        run("kill", "-" + name, pid);
        if (!process.waitFor(READY.toSeconds(), TimeUnit.SECONDS)) {
            throw new IOException("PostgreSQL does not end");
        }
    }

    private String url(String database) {
        return "jdbc:postgresql://127.0.0.1:" + port + "/" + database;
    }

    /** Does one statement in the database that every server has. */
    public void execute(String sql) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url("postgres"), USER, "");
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    /**
     * Makes an empty database.
     *
     * @return its address, for JDBC
     * @throws FerryException START_FAILED
     */
    public String newDatabase() {
        String name = "ferry" + DATABASES.incrementAndGet();
        try {
            execute("CREATE DATABASE " + name);
        } catch (SQLException failed) {
            throw new FerryException(ErrorCode.START_FAILED, "PostgreSQL makes no database: " + failed.getMessage(), failed);
        }
        return url(name);
    }

    /** Who may do everything there, without a password. */
    public String user() {
        return USER;
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        }
    }

    @Override
    public void close() throws IOException, InterruptedException {
        signal("INT");
        delete(folder);
    }
}
