package dev.ferry.coordinator.store;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
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
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.awaitility.Awaitility;

/** A PostgreSQL server of the tests' own, on loopback. It runs as the user that Debian's package makes, because it refuses root. */
public final class PostgresServer implements AutoCloseable {
    private static final String USER = "postgres";
    private static final AtomicInteger DATABASES = new AtomicInteger();

    private final Path folder;
    private final Path binaries;
    private final int port;
    private Process process;

    private PostgresServer(Path folder, Path binaries, int port) {
        this.folder = folder;
        this.binaries = binaries;
        this.port = port;
    }

    public static PostgresServer start() throws Exception {
        Path folder = Files.createTempDirectory("ferry-postgres", PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        run("chown", USER, folder.toString());
        int port;
        try (var free = new java.net.ServerSocket(0)) {
            port = free.getLocalPort();
        }
        PostgresServer server = new PostgresServer(folder, binaries(), port);
        run("runuser", "-u", USER, "--", server.binaries.resolve("initdb").toString(), "-D", folder.resolve("data").toString(), "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C");
        server.boot();
        return server;
    }

    private static Path binaries() throws IOException {
        try (DirectoryStream<Path> versions = Files.newDirectoryStream(Path.of("/usr/lib/postgresql"))) {
            for (Path version : versions) {
                if (Files.isExecutable(version.resolve("bin/initdb"))) {
                    return version.resolve("bin");
                }
            }
        }
        throw new IOException("there is no PostgreSQL server in /usr/lib/postgresql: ./ferry setup test installs it");
    }

    private static void run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).directory(new java.io.File("/")).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IOException(String.join(" ", command) + " failed: " + output);
        }
    }

    /** Starts the server on what is in its folder. */
    public void boot() throws IOException {
        List<String> command = new ArrayList<>(List.of("runuser", "-u", USER, "--", binaries.resolve("postgres").toString()));
        command.addAll(List.of("-D", folder.resolve("data").toString(), "-p", Integer.toString(port), "-h", "127.0.0.1", "-k", folder.toString()));
        process = new ProcessBuilder(command).directory(new java.io.File("/")).redirectErrorStream(true).redirectOutput(folder.resolve("log").toFile()).start();
        Awaitility.await().atMost(Duration.ofSeconds(30)).ignoreExceptions().until(() -> {
            execute("SELECT 1");
            return true;
        });
    }

    /** SIGQUIT: it ends at once, as after a crash. */
    public void crash() throws Exception {
        signal("QUIT");
    }

    private void signal(String name) throws Exception {
        String pid = Files.readAllLines(folder.resolve("data/postmaster.pid")).getFirst();
        run("kill", "-" + name, pid);
        if (!process.waitFor(30, TimeUnit.SECONDS)) {
            throw new IOException("PostgreSQL does not end");
        }
    }

    private String url(String database) {
        return "jdbc:postgresql://127.0.0.1:" + port + "/" + database;
    }

    public void execute(String sql) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url("postgres"), USER, "");
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    /** Makes an empty database. */
    public String newDatabase() throws SQLException {
        String name = "ferry" + DATABASES.incrementAndGet();
        execute("CREATE DATABASE " + name);
        return url(name);
    }

    public String user() {
        return USER;
    }

    @Override
    public void close() throws Exception {
        signal("INT");
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
