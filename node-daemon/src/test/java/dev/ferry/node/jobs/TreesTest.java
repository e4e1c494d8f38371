package dev.ferry.node.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TreesTest {
    private static final int LEVELS = 300;

    @TempDir Path folder;

    /** Who is inside of a folder makes the next one by its own short name. */
    @Test
    void aTreeDeeperThanAPathIsLongIsDeleted() throws Exception {
        String name = "x".repeat(200);
        Path tree = Files.createDirectory(folder.resolve("tree"));
        Path deep = Files.createDirectory(folder.resolve("deep"));
        for (int level = 0; level < LEVELS; level++) {
            Path above = Files.createDirectory(folder.resolve("above"));
            Files.writeString(above.resolve("file"), "of level " + level);
            Files.move(deep, above.resolve(name));
            Files.move(above, deep);
        }
        Files.move(deep, tree.resolve("deep"));
        Path kept = Files.writeString(folder.resolve("kept"), "");
        Files.createSymbolicLink(tree.resolve("link"), kept);
        Trees.delete(tree);
        assertThat(tree).doesNotExist();
        assertThat(kept).exists();
        Trees.delete(tree);
    }

    @Test
    void whatNobodyNeedsToHaveGoneIsNoError() {
        Path undeletable = Path.of("/proc/self/fdinfo");
        assertThatThrownBy(() -> Trees.delete(undeletable)).isInstanceOf(IOException.class);
        assertThatCode(() -> Trees.tryDelete(undeletable)).doesNotThrowAnyException();
    }
}
