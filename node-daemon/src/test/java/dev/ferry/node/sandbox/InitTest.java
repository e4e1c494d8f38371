package dev.ferry.node.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** ferry-init where something fails that it depends on. */
class InitTest {
    private static final int EXIT_SETUP = 70;

    @TempDir Path folder;
    private Path init;

    @BeforeEach
    void install() throws Exception {
        init = folder.resolve("ferry-init");
        NativeHelper.install(init);
    }

    private int run(List<String> command) throws Exception {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(folder.resolve("output").toFile()).start();
        assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
        return process.exitValue();
    }

    /** As with a full disk: who starts the job waits for one of the files that can't be written. */
    @ParameterizedTest
    @ValueSource(strings = {"/ferry-init", "/nothing"})
    void aStartThatCantBeWrittenDownIsNone(String command) throws Exception {
        assumeThat(Files.getOwner(folder).getName()).as("chroot is root's").isEqualTo("root");
        Files.createDirectories(folder.resolve(".ferry/log"));
        Files.createFile(folder.resolve(".ferry/ctl"));
        Files.createFile(Files.createDirectory(folder.resolve("dev")).resolve("null"));
        assertThat(run(List.of("chroot", folder.toString(), "/ferry-init", "run", command))).isEqualTo(EXIT_SETUP);
        assertThat(folder.resolve(".ferry/log/output.log")).content().contains("ferry-init: write /.ferry/ctl: Not a directory");
    }

    /** The job has filled the disk on which its end is written down. */
    @Test
    void theEndOfACommandThatHasFilledTheDiskIsWrittenDown() throws Exception {
        assumeThat(Files.getOwner(folder).getName()).as("chroot and mounts are root's").isEqualTo("root");
        Path control = Files.createDirectories(folder.resolve(".ferry/ctl"));
        Path programs = Files.createDirectory(folder.resolve("usr"));
        for (String name : List.of("bin", "lib", "lib64")) {
            Files.createSymbolicLink(folder.resolve(name), Path.of("usr", name));
        }
        Files.createDirectories(folder.resolve(".ferry/log"));
        Files.createFile(Files.createDirectory(folder.resolve("dev")).resolve("null"));
        assertThat(run(List.of("mount", "--bind", "/usr", programs.toString()))).isZero();
        assertThat(run(List.of("mount", "-t", "tmpfs", "-o", "size=256k", "ferry-test-disk", control.toString()))).isZero();
        try {
            int status = run(List.of("chroot", folder.toString(), "/ferry-init", "run", "/bin/sh", "-c", "yes > /.ferry/ctl/full; exit 3"));
            assertThat(folder.resolve(".ferry/log/output.log")).content().contains("No space left on device").doesNotContain("can't record");
            assertThat(status).isEqualTo(3);
            assertThat(control.resolve("exit")).hasContent("3\n");
            assertThat(JobProcess.exitStatus(control)).hasValue(3);
        } finally {
            assertThat(run(List.of("umount", "--lazy", control.toString()))).isZero();
            assertThat(run(List.of("umount", "--lazy", programs.toString()))).isZero();
        }
    }

    /** A folder is one that can be opened and not read. */
    @Test
    void aListOfMountsThatCantBeReadIsNoEmptyOne() throws Exception {
        Path list = Files.createDirectory(folder.resolve("list"));
        assertThat(run(List.of(init.toString(), "mounts", list.toString(), "/"))).isEqualTo(1);
        assertThat(folder.resolve("output")).content().contains("(ferry-mounts): the mounts can't be looked at (" + list + ": Is a directory)");
        Path empty = Files.createFile(folder.resolve("empty"));
        assertThat(run(List.of(init.toString(), "mounts", empty.toString(), "/"))).isZero();
    }
}
