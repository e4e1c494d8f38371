package dev.ferry.coordinator.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A trial's PostgreSQL ends with the process that started it, however that ends. */
class PostgresServerIT {
    private static final Duration SOON = Duration.ofSeconds(60);

    @TempDir Path folder;

    /** Another process that starts a server, says so, and waits to be killed. */
    static final class Owner {
        private Owner() {}

        public static void main(String[] words) throws Exception {
            try (PostgresServer server = PostgresServer.start()) {
                System.out.println("ready " + server.user());
                Thread.sleep(SOON.toMillis());
            }
        }
    }

    private Process owner() throws IOException {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        Process owner = new ProcessBuilder(java, "-Djava.io.tmpdir=" + folder, "-cp", System.getProperty("java.class.path"), Owner.class.getName()).redirectErrorStream(true).redirectOutput(folder.resolve("said").toFile()).start();
        await().atMost(SOON).until(() -> !owner.isAlive() || Files.readString(folder.resolve("said")).contains("ready postgres"));
        assertThat(owner.isAlive()).as(Files.readString(folder.resolve("said"))).isTrue();
        return owner;
    }

    private List<Path> folders() throws IOException {
        try (var all = Files.newDirectoryStream(folder, "ferry-postgres*")) {
            return java.util.stream.StreamSupport.stream(all.spliterator(), false).toList();
        }
    }

    private static boolean names(ProcessHandle process, Path what) {
        try {
            return Files.readString(Path.of("/proc", Long.toString(process.pid()), "cmdline"), StandardCharsets.ISO_8859_1).contains(what + "/data");
        } catch (IOException ended) {
            return false;
        }
    }

    @Test
    void whoeverIsKilledLeavesNoServerAndTheNextRemovesItsFolder() throws Exception {
        Files.setPosixFilePermissions(folder, java.nio.file.attribute.PosixFilePermissions.fromString("rwxr-xr-x"));
        Process killed = owner();
        Path left = folders().getFirst();
        assertThat(ProcessHandle.allProcesses().anyMatch(process -> names(process, left))).isTrue();
        PostgresServer.removeLeftovers(folder);
        assertThat(left).as("its owner lives").exists();
        killed.destroyForcibly().waitFor(SOON.toSeconds(), TimeUnit.SECONDS);
        await().atMost(SOON).until(() -> ProcessHandle.allProcesses().noneMatch(process -> names(process, left)));
        assertThat(left).exists();
        PostgresServer.removeLeftovers(folder);
        assertThat(folders()).isEmpty();
    }
}
