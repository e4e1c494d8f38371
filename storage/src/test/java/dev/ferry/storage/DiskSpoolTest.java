package dev.ferry.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DiskSpoolTest {
    private static final int SLOT = 8192;

    @TempDir private Path folder;

    private static ByteBuffer bytes(int seed, int length) {
        byte[] content = new byte[length];
        new java.util.Random(seed).nextBytes(content);
        return ByteBuffer.allocateDirect(length).put(content).flip();
    }

    @Test
    void givesBackWhatItTookInAnyOrder() throws Exception {
        try (DiskSpool spool = new DiskSpool(folder, 4 * SLOT, SLOT)) {
            List<Integer> slots = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                slots.add(spool.put(bytes(i, SLOT - i)).orElseThrow());
            }
            for (int i = 3; i >= 0; i--) {
                ByteBuffer back = spool.take(slots.get(i), SLOT - i);
                assertThat(back).isEqualTo(bytes(i, SLOT - i));
                spool.giveBack(back);
            }
            assertThat(spool.freeBytes()).isEqualTo(4 * SLOT);
        }
    }

    @Test
    void takesNoMoreThanItsQuotaUntilASlotIsFree() throws Exception {
        try (DiskSpool spool = new DiskSpool(folder, 2 * SLOT, SLOT)) {
            int first = spool.put(bytes(1, SLOT)).orElseThrow();
            assertThat(spool.put(bytes(2, SLOT))).isPresent();
            assertThat(spool.put(bytes(3, SLOT))).isEqualTo(OptionalInt.empty());
            assertThat(spool.freeBytes()).isZero();
            spool.free(first);
            assertThat(spool.put(bytes(4, SLOT))).hasValue(first);
        }
    }

    /** The kernel's file is everybody's: who is interrupted must not close it. */
    @Test
    void aThreadThatIsInterruptedLeavesItOpenForTheOthers() throws Exception {
        try (DiskSpool spool = new DiskSpool(folder, 2 * SLOT, SLOT)) {
            Thread.currentThread().interrupt();
            int slot = spool.put(bytes(1, SLOT)).orElseThrow();
            assertThat(Thread.interrupted()).isTrue();
            ByteBuffer back = spool.take(slot, SLOT);
            assertThat(back).isEqualTo(bytes(1, SLOT));
            spool.giveBack(back);
            assertThat(spool.put(bytes(2, SLOT))).isPresent();
        }
    }

    @Test
    void leavesNoFileEvenWhileItIsOpen() throws Exception {
        try (DiskSpool spool = new DiskSpool(folder.resolve("spool"), 2 * SLOT, SLOT)) {
            assertThat(spool.put(bytes(1, SLOT))).isPresent();
            try (Stream<Path> files = Files.list(folder.resolve("spool"))) {
                assertThat(files).isEmpty();
            }
        }
    }

    @Test
    void touchesNoMoreThanItsQuotaAndTakesAllAfterwards() throws Exception {
        try (DiskSpool spool = new DiskSpool(folder, 3 * SLOT, SLOT)) {
            spool.touch(100 * SLOT);
            assertThat(spool.freeBytes()).isEqualTo(3 * SLOT);
            for (int i = 0; i < 3; i++) {
                assertThat(spool.put(bytes(i, SLOT))).isPresent();
            }
        }
    }

    private FullableFile file() throws Exception {
        return new FullableFile(FileChannel.open(folder.resolve("file"), StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE));
    }

    @Test
    void aDiskThatWasFullIsTriedAgainWhenNothingWaitsThereAnyMore() throws Exception {
        FullableFile file = file();
        try (DiskSpool spool = new DiskSpool(file, 3 * SLOT, SLOT)) {
            int first = spool.put(bytes(1, SLOT)).orElseThrow();
            file.full(true);
            assertThat(spool.put(bytes(2, SLOT))).isEmpty();
            file.full(false);
            // Not with each piece: it costs time, and a job stands still.
            assertThat(spool.freeBytes()).isZero();
            assertThat(spool.put(bytes(2, SLOT))).isEmpty();
            ByteBuffer back = spool.take(first, SLOT);
            assertThat(back).isEqualTo(bytes(1, SLOT));
            spool.giveBack(back);
            assertThat(spool.freeBytes()).isEqualTo(3 * SLOT);
            for (int i = 0; i < 3; i++) {
                assertThat(spool.put(bytes(i, SLOT))).isPresent();
            }
        }
    }

    @Test
    void aDiskThatTookNothingIsTriedAgainBeforeTheNextDump() throws Exception {
        FullableFile file = file();
        try (DiskSpool spool = new DiskSpool(file, 3 * SLOT, SLOT)) {
            BufferPool pool = new BufferPool(2, SLOT, spool);
            file.full(true);
            assertThat(spool.put(bytes(1, SLOT))).isEmpty();
            file.full(false);
            assertThat(pool.freeDiskBytes()).isZero();
            pool.prepare(SLOT);
            assertThat(pool.freeDiskBytes()).isEqualTo(3 * SLOT);
            assertThat(spool.put(bytes(1, SLOT))).isPresent();
        }
    }

    @Test
    void aPoolSendsToTheDiskOnlyWhenFewBuffersAreLeft() throws Exception {
        try (DiskSpool spool = new DiskSpool(folder, SLOT, SLOT)) {
            BufferPool pool = new BufferPool(2, SLOT, spool);
            assertThat(pool.overflow()).isNull();
            ByteBuffer one = pool.take();
            ByteBuffer other = pool.take();
            assertThat(pool.overflow()).isSameAs(spool);
            pool.give(one);
            pool.give(other);
        }
    }
}
