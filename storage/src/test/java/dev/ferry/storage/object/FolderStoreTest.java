package dev.ferry.storage.object;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.StoreConfig;
import dev.ferry.storage.Stores;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FolderStoreTest extends ObjectStoreContract {
    @TempDir Path folder;

    @Override
    ObjectStore open() {
        return Stores.open(StoreConfig.ofUrl("file://" + folder.resolve("store")));
    }

    @Test
    void nothingUnfinishedIsLeft() throws Exception {
        store.create("one", bytes("first"));
        assertRefused(ErrorCode.OBJECT_EXISTS, () -> store.create("one", bytes("second")));
        try (Stream<Path> left = Files.list(folder.resolve("store/.unfinished"))) {
            assertThat(left).isEmpty();
        }
    }

    /** Whoever can read it has the memory of all jobs. */
    @Test
    void aFolderThatItMakesIsItsOwnersAlone() throws Exception {
        store.put("one", bytes("first"));
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.resolve("store")))).isEqualTo("rwx------");
    }

    @Test
    void whatAKilledWriterLeftIsNotListed() throws Exception {
        store.put("one", bytes("first"));
        Files.writeString(folder.resolve("store/.unfinished/half"), "ha");
        assertThat(store.list("")).containsExactly("one");
    }

    @Test
    void keysThatLeadOutAreRefused() {
        assertRefused(ErrorCode.INVALID_ARGUMENT, () -> store.put("../out", bytes("x")));
        assertRefused(ErrorCode.INVALID_ARGUMENT, () -> store.get("a/../../out"));
    }

    @Test
    void aFolderThatIsAFileIsNamed() throws Exception {
        Path file = Files.writeString(folder.resolve("file"), "");
        ObjectStore wrong = Stores.open(StoreConfig.ofUrl("file://" + file));
        assertRefused(ErrorCode.STORE_UNREACHABLE, () -> wrong.put("key", bytes("x")));
    }
}
