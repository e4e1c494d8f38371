package dev.ferry.common;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LocalAccessTest {
    @TempDir Path folder;

    @Test
    void aFolderIsFoundByItsAddressUntilItIsTakenBack() throws Exception {
        Path links = folder.resolve("links");
        Path one = Files.createDirectory(folder.resolve("one"));
        Path other = Files.createDirectory(folder.resolve("other"));
        assertThat(LocalAccess.find(links, "127.0.0.1:7070")).isEmpty();
        LocalAccess.publish(links, "127.0.0.1:7070", one);
        assertThat(LocalAccess.find(links, "localhost:7070").orElseThrow().toRealPath()).isEqualTo(one.toRealPath());
        assertThat(LocalAccess.find(links, "127.0.0.1:7071")).isEmpty();
        LocalAccess.publish(links, "127.0.0.1:7070", other);
        LocalAccess.withdraw(links, "127.0.0.1:7070", one);
        assertThat(LocalAccess.find(links, "127.0.0.1:7070").orElseThrow().toRealPath()).as("the next coordinator's link stays").isEqualTo(other.toRealPath());
        LocalAccess.withdraw(links, "127.0.0.1:7070", other);
        assertThat(LocalAccess.find(links, "127.0.0.1:7070")).isEmpty();
    }

    @Test
    void aLinkThatACrashLeftLeadsNowhere() throws Exception {
        Path links = folder.resolve("links");
        Path gone = Files.createDirectory(folder.resolve("gone"));
        LocalAccess.publish(links, "127.0.0.1:7070", gone);
        Files.delete(gone);
        assertThat(LocalAccess.find(links, "127.0.0.1:7070")).isEmpty();
        LocalAccess.withdraw(links, "127.0.0.1:7070", gone);
        assertThat(links).isEmptyDirectory();
    }
}
