package dev.ferry.storage.object;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.Images;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.StoreConfig;
import dev.ferry.storage.Stores;
import dev.ferry.storage.upkeep.Collector;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Random;
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

    /** A file that is deleted while somebody reads it: it stopped every collection. */
    @Test
    void whatNfsMakesOfDeletedFilesIsNoObject() throws Exception {
        String pack = "packs/j-a/0000000001-abcdefgh-00000";
        store.put(pack, bytes("garbage"));
        Path images = Files.createDirectories(folder.resolve("store/images/j-a"));
        Files.writeString(images.resolve(".nfs0001"), "manifest");
        assertThat(store.list("")).containsExactly(pack);
        assertThat(new Images(store).collect(new Collector.Terms(Duration.ZERO, Duration.ofDays(1)), false).getFreedPacks()).isEqualTo(1);
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

    /** A list that is empty by mistake would have a collection delete every pack. */
    @Test
    void aFolderThatCanNotBeLookedAtIsNotEmpty() throws Exception {
        store.put("images/j-aaaaaaaa/1", bytes("first"));
        Path images = folder.resolve("store/images");
        Path moved = Files.move(images, folder.resolve("other-disk"));
        assertThat(store.list("images/")).isEmpty();
        Files.createSymbolicLink(images, moved);
        assertThat(store.list("images/")).containsExactly("images/j-aaaaaaaa/1");
        Files.move(moved, folder.resolve("gone"));
        assertRefused(ErrorCode.STORE_UNREACHABLE, () -> store.list("images/"));
        Files.delete(images);
        Files.createSymbolicLink(images, images);
        assertRefused(ErrorCode.STORE_UNREACHABLE, () -> store.list("images/"));
        assertRefused(ErrorCode.STORE_UNREACHABLE, () -> store.list("images/j-aaaaaaaa/"));
        Files.delete(images);
        Files.writeString(images, "");
        assertRefused(ErrorCode.STORE_UNREACHABLE, () -> store.list("images/"));
    }

    /** As a client of NFS does whose first request was carried out and its answer lost. */
    @Test
    void aLinkThatIsOurOwnIsNotTaken() throws Exception {
        ObjectStore twice =
                new FolderStore(
                        folder.resolve("store"),
                        (link, existing) -> {
                            if (!Files.exists(link)) {
                                Files.createLink(link, existing);
                            }
                            throw new FileAlreadyExistsException(link.toString());
                        });
        twice.create("images/one", bytes("first"));
        assertThat(text("images/one")).isEqualTo("first");
        assertRefused(ErrorCode.OBJECT_EXISTS, () -> twice.create("images/one", bytes("first")));
    }

    /** It is read in slices. */
    @Test
    void aLargeObjectComesBackWhole() {
        byte[] large = new byte[(3 << 20) + 17];
        new Random(3).nextBytes(large);
        store.put("large", ByteBuffer.wrap(large));
        assertThat(store.get("large")).contains(large);
        for (ByteBuffer into : new ByteBuffer[] {ByteBuffer.allocate(large.length), ByteBuffer.allocateDirect(large.length)}) {
            store.read("large", 5, into.limit(into.capacity() - 7).position(11));
            assertThat(into.remaining()).isZero();
            assertThat(into.position(11).slice()).isEqualTo(ByteBuffer.wrap(large, 5, large.length - 18));
            assertRefused(ErrorCode.CHUNK_MISSING, () -> store.read("large", 1, into.clear()));
        }
    }

    /** Whoever ends a dump interrupts its threads. */
    @Test
    void anObjectIsReadByAThreadThatIsInterrupted() {
        store.put("one", bytes("first"));
        Thread.currentThread().interrupt();
        try {
            assertThat(text("one")).isEqualTo("first");
        } finally {
            assertThat(Thread.interrupted()).isTrue();
        }
    }
}
