package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.Image;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.object.MemoryStore;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What was copied ahead is fetched into the cache of the node to which the job moves. */
class FillCacheTest {
    private static final int WINDOWS = 64;
    private static final long BYTES = WINDOWS * (long) Images.WINDOW_BYTES;
    private static final String IMAGE = "j-aaaaaaaa.1";

    private final AtomicLong fetched = new AtomicLong();
    private final MemoryStore real = new MemoryStore();
    private final ForwardingStore store =
            new ForwardingStore(real) {
                @Override
                public void read(String key, long offset, ByteBuffer into) {
                    if (key.startsWith("packs/")) {
                        fetched.addAndGet(into.remaining());
                    }
                    super.read(key, offset, into);
                }
            };

    private void copyAhead() throws InterruptedException {
        BufferPool buffers = new BufferPool(4, Images.WINDOW_BYTES);
        Random random = new Random(5);
        byte[] noise = new byte[Images.WINDOW_BYTES];
        try (ImageWriter copy = new Images(store).preCopy(IMAGE, Optional.empty(), buffers)) {
            try (ByteSink sink = copy.file("pages-of-7")) {
                for (int window = 0; window < WINDOWS; window++) {
                    random.nextBytes(noise);
                    sink.write(buffers.take().put(noise).flip());
                }
            }
            Image ignored = copy.commit(Image.newBuilder().setJob("j-aaaaaaaa").build());
        }
    }

    @Test
    void whatFitsIsFetchedOnce(@TempDir Path folder) throws Exception {
        copyAhead();
        try (ChunkCache cache = ChunkCache.open(folder, 4 * BYTES)) {
            Images here = new Images(store, () -> {}, Optional.of(cache));
            assertThat(here.prefetch(IMAGE, Optional.empty()).bytes()).isEqualTo(BYTES);
            assertThat(fetched.getAndSet(0)).isEqualTo(BYTES);
            assertThat(here.prefetch(IMAGE, Optional.empty()).bytes()).isEqualTo(BYTES);
            assertThat(fetched).hasValue(0);
        }
    }

    /** A cache is filled from its begin again when it is full: all of a larger job would be fetched for nothing. */
    @Test
    void ofWhatDoesNotFitIsFetchedWhatStays(@TempDir Path folder) throws Exception {
        copyAhead();
        try (ChunkCache cache = ChunkCache.open(folder, BYTES / 2)) {
            Images here = new Images(store, () -> {}, Optional.of(cache));
            long first = here.prefetch(IMAGE, Optional.empty()).bytes();
            assertThat(first).isBetween(BYTES / 4, BYTES / 2);
            assertThat(fetched.getAndSet(0)).isEqualTo(first);
            assertThat(here.prefetch(IMAGE, Optional.empty()).bytes()).isEqualTo(first);
            assertThat(fetched).hasValue(0);
        }
    }
}
