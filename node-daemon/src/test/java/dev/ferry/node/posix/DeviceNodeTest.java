package dev.ferry.node.posix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Device nodes in a folder that a job writes to. */
class DeviceNodeTest {
    private static final long NULL = 1 << 8 | 3;

    @TempDir Path folder;

    /** What a job may put in the node's place between mknod and the change of its mode. */
    @Test
    void aLinkInTheNodesPlaceOpensNoFileOfTheMachine() throws Exception {
        Path secret = Files.writeString(folder.resolve("secret"), "x");
        Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString("rw-------"));
        Path node = Files.createSymbolicLink(folder.resolve("nvidia0"), secret);
        assertThatThrownBy(() -> Posix.openToAll(node, NULL)).isInstanceOf(PosixException.class).hasMessageContaining("exchanged");
        assertThat(Files.getPosixFilePermissions(secret)).isEqualTo(PosixFilePermissions.fromString("rw-------"));
        Path hard = Files.createLink(folder.resolve("nvidia1"), secret);
        assertThatThrownBy(() -> Posix.openToAll(hard, NULL)).isInstanceOf(PosixException.class);
        assertThat(Files.getPosixFilePermissions(secret)).isEqualTo(PosixFilePermissions.fromString("rw-------"));
    }

    @Test
    void everybodyMayUseTheNode() throws Exception {
        Path node = folder.resolve("null");
        Posix.makeDevice(node, 1, 3);
        assertThat(Files.getAttribute(node, "unix:rdev")).isEqualTo(NULL);
        assertThat(Files.getPosixFilePermissions(node)).isEqualTo(PosixFilePermissions.fromString("rw-rw-rw-"));
    }
}
