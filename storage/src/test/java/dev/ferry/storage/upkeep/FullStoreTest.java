package dev.ferry.storage.upkeep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.Clock;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.Collection;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.image.ForwardingStore;
import dev.ferry.storage.image.Keys;
import dev.ferry.storage.object.MemoryStore;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** A store that is full gets its room back by what Ferry itself does, though each deletion writes a mark first. */
class FullStoreTest {
    private static final Duration HOUR = Duration.ofHours(1);
    private static final Collector.Terms NOW = new Collector.Terms(Duration.ZERO, HOUR);
    private static final Collector.Terms GRACE = new Collector.Terms(HOUR, HOUR);

    /** The room of the first block that is freed is gone again at once. */
    private static final long SOMEBODY_TAKES_IT = -1;

    private final Disk disk = new Disk();
    private final Images images = new Images(disk);
    private final BufferPool buffers = new BufferPool(4, Images.WINDOW_BYTES);

    /** Objects take whole blocks, as those of a folder do. */
    private static final class Disk extends ForwardingStore {
        private static final int BLOCK = 4096;
        private long free = Long.MAX_VALUE;

        Disk() {
            super(new MemoryStore());
        }

        private static long blocks(long bytes) {
            return (bytes + BLOCK - 1) / BLOCK;
        }

        /** Leaves so much room. */
        void fill(long blocks) {
            free = blocks;
        }

        private void take(String key, ByteBuffer content) {
            if (blocks(content.remaining()) > free) {
                throw new FerryException(ErrorCode.STORE_FULL, "No room for " + key);
            }
            free -= blocks(content.remaining());
        }

        @Override
        public void put(String key, ByteBuffer content) {
            take(key, content);
            super.put(key, content);
        }

        @Override
        public void create(String key, ByteBuffer content) {
            take(key, content);
            try {
                super.create(key, content);
            } catch (FerryException taken) {
                free += blocks(content.remaining());
                throw taken;
            }
        }

        @Override
        public long delete(String key) {
            long bytes = super.delete(key);
            free += blocks(bytes);
            return bytes;
        }

        @Override
        public String describe() {
            return "the disk";
        }
    }

    /** An image with packs of its own. */
    private void write(String id) throws InterruptedException {
        try (ImageWriter writer = images.write(id, Optional.empty(), buffers)) {
            byte[] content = new byte[3 * Disk.BLOCK];
            new Random(id.hashCode()).nextBytes(content);
            try (ByteSink sink = writer.file("core-1.img")) {
                sink.write(buffers.take().put(content).flip());
            }
            Image ignored = writer.commit(Image.newBuilder().setJob(Keys.job(id)).build());
        }
    }

    private static void assertFull(Runnable call) {
        assertThatThrownBy(call::run).isInstanceOfSatisfying(FerryException.class, full -> assertThat(full.code()).isEqualTo(ErrorCode.STORE_FULL)).hasMessageContaining("the disk");
    }

    @Test
    void theManifestThatGoesMakesRoomForAllElseOfItsImage() throws Exception {
        write("j-aaaaaaaa.1");
        write("j-bbbbbbbb.1");
        disk.fill(0);
        Collection done = images.delete("j-aaaaaaaa.1", NOW);
        assertThat(done.getFreedPacks()).isPositive();
        assertThat(disk.entries("")).allMatch(left -> left.key().contains("j-bbbbbbbb"));
        assertThat(images.verify("j-bbbbbbbb.1").damage()).isEmpty();
    }

    /** One pack's mark finds room, and each pack that goes makes room for more. */
    @Test
    void aFullStoreIsCollectedFromOneMarkOn() throws Exception {
        for (int image = 1; image <= 9; image++) {
            write("j-aaaaaaaa." + image);
            assertThat(images.forget("j-aaaaaaaa." + image)).isPositive();
        }
        write("j-bbbbbbbb.1");
        disk.fill(1);
        Collection done = images.collect(NOW, false);
        assertThat(done.getFreedPacks()).isEqualTo(9);
        assertThat(done.getLivePacks()).isEqualTo(1);
        assertThat(done.getCondemnedPacks()).isZero();
        assertThat(disk.entries(Keys.CONDEMNED)).isEmpty();
        assertThat(images.verify("j-bbbbbbbb.1").damage()).isEmpty();
    }

    /** The image is deleted whatever becomes of its packs; those that can't be marked are left to the next collection. */
    @Test
    void aDeletionLeavesToTheNextCollectionWhatFindsNoRoom() throws Exception {
        write("j-aaaaaaaa.1");
        disk.fill(SOMEBODY_TAKES_IT);
        Collection done = images.delete("j-aaaaaaaa.1", NOW);
        assertThat(done.getFreedPacks()).isZero();
        assertThat(done.getCondemnedPacks()).isEqualTo(1);
        assertThat(images.ids()).isEmpty();
        disk.fill(1);
        assertThat(images.collect(NOW, false).getFreedPacks()).isEqualTo(1);
        assertThat(disk.entries("")).isEmpty();
    }

    @Test
    void aStoreWithoutRoomForAMarkIsSaidToBeFull() throws Exception {
        write("j-aaaaaaaa.1");
        assertThat(images.forget("j-aaaaaaaa.1")).isPositive();
        disk.fill(0);
        assertFull(() -> images.collect(NOW, false));
        assertThat(disk.entries(Keys.PACKS)).hasSize(1);
        assertThat(images.collect(NOW, true).getFreedPacks()).as("what a collection would free").isEqualTo(1);
    }

    /** The mark of a dump that is given up needs room as well, which what was condemned before makes. */
    @Test
    void theDumpThatFilledItIsGivenUpToo() throws Exception {
        write("j-aaaaaaaa.1");
        try (ImageWriter dead = images.write("j-bbbbbbbb.1", Optional.empty(), buffers)) {
            assertThat(images.delete("j-aaaaaaaa.1", GRACE).getCondemnedPacks()).isEqualTo(1);
            disk.fill(0);
            Collection done = new Collector(disk, later(), Runnable::run).collect(NOW, false);
            assertThat(done.getFreedPacks()).isEqualTo(1);
            assertThat(done.getGivenUpList()).containsExactly("j-bbbbbbbb.1");
            assertThat(dead.buffers()).isNotNull();
        }
        assertThat(disk.entries(Keys.HOLDS)).isEmpty();
    }

    private static Clock later() {
        return new Clock() {
            @Override
            public long millis() {
                return System.currentTimeMillis() + HOUR.multipliedBy(2).toMillis();
            }

            @Override
            public long nanos() {
                return System.nanoTime();
            }
        };
    }
}
