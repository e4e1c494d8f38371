package dev.ferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The launcher `ferry`, in a folder where the build and Java only say that they were called. */
class LauncherTest {
    private static final int LACKS_SOMETHING = 69;

    @TempDir Path folder;
    private Path lib = Path.of("");

    private record Outcome(int status, String output) {}

    @BeforeEach
    void install() throws IOException {
        Path launcher = Path.of("..", "ferry").toAbsolutePath().normalize();
        Files.copy(launcher, folder.resolve("ferry"));
        lib = Files.createDirectories(folder.resolve("cli/target/dist/lib"));
        program("tools/build.sh", "echo built; touch '" + lib + "/complete'");
        program("java/bin/java", "echo ran");
        Files.writeString(folder.resolve("java/release"), "JAVA_VERSION=\"25.0.1\"\n");
    }

    private void program(String path, String line) throws IOException {
        Path file = folder.resolve(path);
        Files.createDirectories(file.getParent());
        Files.writeString(file, "#!/bin/sh\n" + line + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private Outcome ferry(String... words) throws Exception {
        List<String> command = new ArrayList<>(List.of("bash", folder.resolve("ferry").toString()));
        command.addAll(List.of(words));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("JAVA_HOME", folder.resolve("java").toString());
        Process process = builder.start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Outcome(process.waitFor(), output);
    }

    @ParameterizedTest
    @ValueSource(strings = {"coordinator", "node"})
    void aDaemonIsNeverBuilt(String role) throws Exception {
        Outcome refused = ferry(role, "--config", "its.yaml");
        assertThat(refused.status()).isEqualTo(LACKS_SOMETHING);
        assertThat(refused.output()).isEqualTo("ferry: no product in " + folder + "/cli/target/dist: run " + folder + "/tools/build.sh\n");
        assertThat(ferry("ps")).isEqualTo(new Outcome(0, "built\nran\n"));
        assertThat(ferry(role, "--config", "its.yaml")).isEqualTo(new Outcome(0, "ran\n"));
    }

    @Test
    void halfAProductIsBuiltAnew() throws Exception {
        Files.createFile(lib.resolve("ferry-cli-1.jar"));
        assertThat(ferry("ps")).isEqualTo(new Outcome(0, "built\nran\n"));
        assertThat(ferry("ps")).isEqualTo(new Outcome(0, "ran\n"));
    }
}
