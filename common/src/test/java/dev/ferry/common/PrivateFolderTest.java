package dev.ferry.common;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PrivateFolderTest {
    @TempDir private Path folder;

    private static String permissions(Path of) throws Exception {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(of));
    }

    @Test
    void whatIsMadeIsItsOwnersAlone() throws Exception {
        assertThat(permissions(PrivateFolder.make(folder.resolve("a/b")))).isEqualTo("rwx------");
        assertThat(permissions(folder.resolve("a"))).isEqualTo(permissions(Files.createDirectory(folder.resolve("usual"))));
        assertThat(permissions(PrivateFolder.close(folder.resolve("c")))).isEqualTo("rwx------");
    }

    @Test
    void whatIsThereStaysOpenUntilItIsClosed() throws Exception {
        Path open = Files.createDirectory(folder.resolve("open"));
        Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxr-xr-x"));
        assertThat(permissions(PrivateFolder.make(open))).isEqualTo("rwxr-xr-x");
        assertThat(permissions(PrivateFolder.close(open))).isEqualTo("rwx------");
    }
}
