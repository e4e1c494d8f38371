package dev.ferry.cli.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.cli.Ferry;
import dev.ferry.cli.Main;
import dev.ferry.common.LocalAccess;
import java.io.BufferedReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A coordinator as a service starts it. */
@Timeout(60)
class CoordinatorVerbTest {
    private static final Pattern READY = Pattern.compile("ready grpc=0\\.0\\.0\\.0:(\\d+) http=.*");

    @TempDir Path folder;

    /** Nodes reach it from other machines, and its administrator on its own, who says no address, has his token by itself. */
    @Test
    void oneThatListensEverywhereIsAdministratedFromItsOwnMachine() throws Exception {
        Path config =
                Files.writeString(
                        folder.resolve("coordinator.yaml"),
                        "data: " + folder.resolve("data") + "\ngrpcListen: 0.0.0.0:0\nhttpListen: 127.0.0.1:0\nstore: {url: \"file://" + folder.resolve("store") + "\"}\n");
        Process process =
                new ProcessBuilder(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", System.getProperty("java.class.path"),
                                Main.class.getName(), "coordinator", "--config", config.toString())
                        .redirectError(folder.resolve("log").toFile())
                        .start();
        String server;
        try (BufferedReader out = process.inputReader()) {
            String line = String.valueOf(out.readLine());
            Matcher ready = READY.matcher(line);
            assertThat(ready.matches()).as("%s%n%s", line, Files.readString(folder.resolve("log"))).isTrue();
            server = "127.0.0.1:" + ready.group(1);
            Ferry.Said said = Ferry.ferry("admin", "join-token", "--server", server);
            assertThat(said.status()).as(said.error()).isZero();
        } finally {
            process.destroy();
            assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        }
        assertThat(LocalAccess.find(server)).as("left behind").isEmpty();
    }
}
