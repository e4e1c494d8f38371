package dev.ferry.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One daemon for a data folder, and one for a control group. */
class LocksTest {
    @TempDir Path folder;
    private final String group = "ferry-test-" + Ids.random(8);

    private Path data(String name) throws Exception {
        return Files.createDirectories(folder.resolve(name));
    }

    @AfterEach
    void removeTheGroupsFile() throws Exception {
        Files.deleteIfExists(Path.of("/run/ferry", group + ".lock"));
    }

    @Test
    void twoFoldersWithOneGroupAreRefused() throws Exception {
        try (Locks ignored = Locks.take(data("one"), group)) {
            assertThatThrownBy(() -> Locks.take(data("two"), group)).isInstanceOf(FerryException.class).hasMessageContaining("control group " + group);
            assertThatThrownBy(() -> Locks.take(data("two"), "./" + group + "/")).isInstanceOf(FerryException.class).hasMessageContaining("control group");
        }
        try (Locks again = Locks.take(data("two"), group)) {
            assertThat(again).isNotNull();
        }
    }

    @Test
    void oneFolderWithTwoGroupsIsRefused() throws Exception {
        try (Locks ignored = Locks.take(data("one"), group)) {
            assertThatThrownBy(() -> Locks.take(data("one"), group + "x")).isInstanceOf(FerryException.class).hasMessageContaining("folder");
        }
    }
}
