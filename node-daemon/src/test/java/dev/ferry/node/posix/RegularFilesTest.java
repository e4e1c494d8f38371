package dev.ferry.node.posix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Files in folders that a job can write: its log and its exit status, which the daemon reads as root. */
class RegularFilesTest {
    @TempDir Path folder;

    @Test
    void aFileIsRead() throws Exception {
        Path file = folder.resolve("exit");
        Files.writeString(file, "7\n");
        assertThat(Posix.readSmall(file)).contains("7\n");
        assertThat(Posix.readSmall(folder.resolve("none"))).isEmpty();
    }

    /** Else `ferry logs` would show a job's user any file of the node. */
    @Test
    void aLinkIsNotFollowed() throws Exception {
        Path secret = folder.resolve("secret");
        Files.writeString(secret, "secret");
        Path log = folder.resolve("output.log");
        Files.createSymbolicLink(log, secret);
        assertThat(Posix.openRegular(log)).isEmpty();
    }

    @Test
    @Timeout(value = 20, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void whatIsNoFileIsNotOpened() throws Exception {
        Path pipe = folder.resolve("pipe");
        assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
        assertThat(Posix.openRegular(pipe)).as("a pipe that nobody writes to").isEmpty();
        assertThat(Posix.openRegular(folder)).as("a folder").isEmpty();
        assertThat(Posix.openRegular(Path.of("/dev/zero"))).as("a device").isEmpty();
        assertThatThrownBy(() -> Posix.openRegular(Path.of("/dev/null/x"))).isInstanceOf(IOException.class);
    }

    @Test
    void aFileIsPutInThePlaceOfALinkAndNotWhereItLeads() throws Exception {
        Path secret = Files.writeString(folder.resolve("secret"), "secret");
        Path told = folder.resolve("told");
        Files.createSymbolicLink(told, secret);
        Posix.replaceSmall(told, "freeze\n", 1234, 2345);
        assertThat(Files.readString(secret)).isEqualTo("secret");
        assertThat(told).isRegularFile().hasContent("freeze\n");
        assertThat(Files.getAttribute(told, "unix:uid", java.nio.file.LinkOption.NOFOLLOW_LINKS)).isEqualTo(1234);
        assertThat(Files.getAttribute(told, "unix:gid")).isEqualTo(2345);
        Posix.replaceSmall(told, "thawed\n", 0, 0);
        assertThat(told).hasContent("thawed\n");
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left).containsExactlyInAnyOrder(secret, told);
        }
    }

    @Test
    void aFolderInTheFilesPlaceIsLeftAndNothingElseIsThere() throws Exception {
        Path told = Files.createDirectory(folder.resolve("told"));
        assertThatThrownBy(() -> Posix.replaceSmall(told, "freeze\n", 0, 0)).isInstanceOf(IOException.class);
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left).containsExactly(told);
        }
        assertThat(told).isEmptyDirectory();
    }
}
