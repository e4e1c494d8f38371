package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.Image;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ByteSource;
import dev.ferry.storage.ChunkPeer;
import dev.ferry.storage.ImageReader;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.object.MemoryStore;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Chunks of an image come from the node's own cache, then from the node that made it, then from the store, whatever is wrong with the first two. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ChunkPeerTest {
    private static final int WINDOWS = 48;
    private static final int BYTES = WINDOWS * Images.WINDOW_BYTES;
    private static final long QUOTA = 4L * BYTES;
    private static final String IMAGE = "j-aaaaaaaa.1";
    private static final String FILE = "pages-1.img";
    /** As many calls may be under way when the first one fails. */
    private static final int MOST_AT_A_TIME = 6;

    @TempDir private Path folder;
    private final byte[] content = noise(5);
    private final AtomicLong fromStore = new AtomicLong();
    private final MemoryStore real = new MemoryStore();
    private final ForwardingStore store =
            new ForwardingStore(real) {
                @Override
                public void read(String key, long offset, ByteBuffer into) {
                    if (key.startsWith("packs/")) {
                        fromStore.addAndGet(into.remaining());
                    }
                    super.read(key, offset, into);
                }
            };
    private ChunkCache source;
    private ChunkCache own;

    @BeforeEach
    void dump() throws Exception {
        source = ChunkCache.open(folder.resolve("source"), QUOTA);
        own = ChunkCache.open(folder.resolve("own"), QUOTA);
        write(images(source), IMAGE, content);
    }

    @AfterEach
    void close() {
        source.close();
        own.close();
    }

    private static byte[] noise(int seed) {
        byte[] noise = new byte[BYTES];
        new Random(seed).nextBytes(noise);
        return noise;
    }

    private Images images(ChunkCache cache) {
        return new Images(store, () -> {}, Optional.of(cache));
    }

    private static void write(Images images, String id, byte[] bytes) throws InterruptedException {
        BufferPool buffers = new BufferPool(4, Images.WINDOW_BYTES);
        try (ImageWriter writer = images.write(id, Optional.empty(), buffers)) {
            fill(writer, buffers, bytes);
        }
    }

    private static void fill(ImageWriter writer, BufferPool buffers, byte[] bytes) throws InterruptedException {
        try (ByteSink sink = writer.file(FILE)) {
            for (int at = 0; at < bytes.length; at += Images.WINDOW_BYTES) {
                sink.write(buffers.take().put(bytes, at, Images.WINDOW_BYTES).flip());
            }
        }
        Image ignored = writer.commit(Image.newBuilder().setJob("j-aaaaaaaa").build());
    }

    private ImageReader.Origins restore(ChunkCache cache, Optional<ChunkPeer> peer) throws IOException {
        return restore(cache, IMAGE, content, peer);
    }

    private ImageReader.Origins restore(ChunkCache cache, String id, byte[] expected, Optional<ChunkPeer> peer) throws IOException {
        return read(images(cache).read(id, peer), expected);
    }

    private ImageReader.Origins read(ImageReader opened, byte[] expected) throws IOException {
        fromStore.set(0);
        try (ImageReader reader = opened) {
            reader.prefetch();
            ByteArrayOutputStream read = new ByteArrayOutputStream();
            ByteSource source = reader.open(reader.file(FILE).orElseThrow().getChunks());
            for (ByteBuffer next = source.next(); next != null; next = source.next()) {
                int ignored = Channels.newChannel(read).write(next);
            }
            source.close();
            assertThat(read.toByteArray()).isEqualTo(expected);
            assertThat(reader.origins().store()).as("what it says and what was read").isEqualTo(fromStore.get());
            return reader.origins();
        }
    }

    @Test
    void whatANodeStoresIsInItsCache() throws Exception {
        assertThat(restore(source, Optional.empty())).isEqualTo(new ImageReader.Origins(BYTES, 0, 0));
    }

    /** Also with all of it in the cache; and nothing that it reads is put there. */
    @Test
    void whoWantsToKnowWhatTheStoreHoldsIsGivenNothingElse() throws Exception {
        assertThat(read(images(source).readFromStore(IMAGE), content)).isEqualTo(new ImageReader.Origins(0, 0, BYTES));
        assertThat(read(images(own).readFromStore(IMAGE), content)).isEqualTo(new ImageReader.Origins(0, 0, BYTES));
        assertThat(own.bytes()).isZero();
    }

    @Test
    void whatIsCopiedAheadIsInTheCacheToo() throws Exception {
        BufferPool buffers = new BufferPool(4, Images.WINDOW_BYTES);
        String next = "j-aaaaaaaa.2";
        byte[] other = noise(6);
        try (ImageWriter copy = images(source).preCopy(next, Optional.empty(), buffers)) {
            fill(copy, buffers, other);
        }
        PlayedPeer peer = new PlayedPeer(source);
        Images.Prefetched fetched = images(own).prefetch(next, Optional.of(peer));
        assertThat(fetched.bytes()).isEqualTo(BYTES);
        assertThat(fetched.origins()).isEqualTo(new ImageReader.Origins(0, BYTES, 0));
        assertThat(peer.closed.getCount()).as("nobody asks any more").isZero();
    }

    /** The first of a large image would go again for the last. */
    @Test
    void ofAnImageThatDoesNotFitTheBeginIsKept() throws Exception {
        try (ChunkCache small = ChunkCache.open(folder.resolve("small"), BYTES / 2)) {
            write(images(small), "j-bbbbbbbb.1", noise(7));
            ImageReader.Origins origins = restore(small, "j-bbbbbbbb.1", noise(7), Optional.empty());
            assertThat(origins.cache()).as("read in the order in which it was written").isBetween(BYTES / 4L, BYTES / 2L);
        }
    }

    @Test
    void aCacheThatCanNotBeWrittenFailsNoImage() throws Exception {
        source.close();
        write(images(source), "j-bbbbbbbb.1", noise(7));
        assertThat(restore(own, "j-bbbbbbbb.1", noise(7), Optional.empty())).isEqualTo(new ImageReader.Origins(0, 0, BYTES));
    }

    @Test
    void thePeerIsAskedBeforeTheStoreAndTheCacheBeforeThePeer() throws Exception {
        assertThat(restore(own, Optional.of(new PlayedPeer(source)))).isEqualTo(new ImageReader.Origins(0, BYTES, 0));
        PlayedPeer again = new PlayedPeer(source);
        assertThat(restore(own, Optional.of(again))).as("what a peer gave is kept").isEqualTo(new ImageReader.Origins(BYTES, 0, 0));
        assertThat(again.asked).hasValue(0);
    }

    /** The first half is the other image's. */
    @Test
    void whatThePeerLacksIsReadFromTheStore() throws Exception {
        byte[] half = noise(8);
        System.arraycopy(content, 0, half, 0, BYTES / 2);
        write(new Images(store), "j-bbbbbbbb.1", half);
        ImageReader.Origins origins = restore(own, "j-bbbbbbbb.1", half, Optional.of(new PlayedPeer(source)));
        assertThat(origins.peer()).isBetween(BYTES / 3L, BYTES / 2L);
        assertThat(origins.store()).isBetween(BYTES / 2L, BYTES * 2L / 3);
    }

    @Test
    void aPeerThatFailsIsNotAskedAgain() throws Exception {
        PlayedPeer failing =
                new PlayedPeer(source) {
                    @Override
                    void before(int number, List<Asked> chunks) throws IOException {
                        throw new IOException("of the test");
                    }
                };
        assertThat(restore(own, Optional.of(failing))).isEqualTo(new ImageReader.Origins(0, 0, BYTES));
        assertThat(failing.asked.get()).isBetween(1, MOST_AT_A_TIME);
        assertThat(failing.closed.getCount()).isZero();
    }

    /** Whoever else waits for a peer that has failed once would wait for as long again. */
    @Test
    void theFirstWhoWaitsInVainFreesTheOthers() throws Exception {
        CountDownLatch another = new CountDownLatch(1);
        PlayedPeer silent =
                new PlayedPeer(source) {
                    @Override
                    void before(int number, List<Asked> chunks) throws IOException {
                        try {
                            if (number == 1) {
                                another.await();
                            } else {
                                another.countDown();
                                closed.await();
                            }
                        } catch (InterruptedException interrupted) {
                            throw new IOException(interrupted);
                        }
                        throw new IOException("nothing came");
                    }
                };
        assertThat(restore(own, Optional.of(silent))).isEqualTo(new ImageReader.Origins(0, 0, BYTES));
    }

    /** Its cache has had so much since that nothing of the image is left, or nothing of a part of it. */
    @Test
    void aPeerThatHasNothingIsAskedSeldom() {
        PlayedPeer peer = new PlayedPeer(source);
        try (ChunkOrigins origins = new ChunkOrigins(Optional.of(peer))) {
            for (int i = 0; i < ChunkOrigins.PATIENCE; i++) {
                assertThat(origins.peer()).isPresent();
                origins.answered(peer, false, 1, 0, 0);
            }
            assertThat(IntStream.range(0, 10 * ChunkOrigins.SELDOM).filter(i -> origins.peer().isPresent()).count()).isEqualTo(10);
            origins.answered(peer, true, 1, 0, 0);
            assertThat(IntStream.range(0, 100).filter(i -> origins.peer().isPresent()).count()).isEqualTo(100);
        }
    }

    /** They share one connection: eight megabytes on their way take eight times as long as one. */
    @Test
    void aPeerThatIsAskedForMuchAtATimeMayTakeItsTime() {
        PlayedPeer peer = new PlayedPeer(source);
        try (ChunkOrigins origins = new ChunkOrigins(Optional.of(peer))) {
            long eight = 8 * ChunkOrigins.USUAL.toNanos();
            for (int i = 0; i < 100; i++) {
                origins.answered(peer, true, 8, i * eight, (i + 1) * eight);
            }
            assertThat(origins.peer()).isPresent();
            origins.answered(peer, true, 1, 100 * eight, 102 * eight);
            assertThat(origins.peer()).isEmpty();
        }
    }

    /** Each of its answers comes in time, and all together would take longer than a restore may. */
    @Test
    void aPeerThatIsSlowEachTimeIsGivenUp() {
        PlayedPeer peer = new PlayedPeer(source);
        try (ChunkOrigins origins = new ChunkOrigins(Optional.of(peer))) {
            for (int i = 0; i < 10_000; i++) {
                origins.answered(peer, true, 1, 0, ChunkOrigins.USUAL.toNanos());
            }
            long slow = ChunkOrigins.USUAL.plus(ChunkOrigins.MOST_LATE.dividedBy(4)).toNanos();
            for (int i = 0; i < 4; i++) {
                origins.answered(peer, i % 2 == 0, 1, i * slow, (i + 1) * slow);
                assertThat(origins.peer()).isPresent();
            }
            origins.answered(peer, true, 1, 4 * slow, 5 * slow);
            assertThat(origins.peer()).isEmpty();
            assertThat(peer.closed.getCount()).isZero();
        }
    }

    /** The same length, other bytes; also a checksum that is right. */
    @Test
    void nothingButWhatWasWrittenIsTakenFromAPeer() throws Exception {
        for (boolean forged : List.of(false, true)) {
            try (ChunkCache fresh = ChunkCache.open(folder.resolve("fresh-" + forged), QUOTA)) {
                PlayedPeer lying =
                        new PlayedPeer(source) {
                            @Override
                            void before(int number, List<Asked> chunks) {
                                ByteBuffer chunk = chunks.getFirst().into();
                                long before = ChunkCheck.of(chunk);
                                if (forged) {
                                    forge(chunk);
                                    assertThat(ChunkCheck.of(chunk)).isEqualTo(before);
                                } else {
                                    chunk.put(chunk.position() + 100, (byte) (chunk.get(chunk.position() + 100) ^ 1));
                                }
                            }
                        };
                assertThat(restore(fresh, Optional.of(lying)).peer()).isLessThan(BYTES / 2);
                assertThat(lying.asked.get()).isBetween(1, MOST_AT_A_TIME);
                ImageReader.Origins again = restore(fresh, Optional.empty());
                assertThat(again).as("nothing that is wrong was kept").isEqualTo(new ImageReader.Origins(BYTES, 0, 0));
            }
        }
    }

    /** Adds the product of both checksums' polynomials to the bytes: neither sees it, for it is a multiple of each. */
    private static void forge(ByteBuffer chunk) {
        boolean[] first = bits(0x104C11DB7L);
        boolean[] second = bits(0x11EDC6F41L);
        boolean[] product = new boolean[first.length + second.length - 1];
        for (int i = 0; i < first.length; i++) {
            for (int j = 0; j < second.length; j++) {
                product[i + j] ^= first[i] && second[j];
            }
        }
        int at = chunk.position();
        for (int bit = 0; bit < product.length; bit++) {
            if (product[bit]) {
                int index = at + bit / 8;
                chunk.put(index, (byte) (chunk.get(index) ^ 1 << bit % 8));
            }
        }
    }

    /** Of a polynomial of degree 32, that of the highest power first: so checksums read bits, of each byte the lowest first. */
    private static boolean[] bits(long polynomial) {
        boolean[] bits = new boolean[33];
        for (int i = 0; i < bits.length; i++) {
            bits[i] = (polynomial >> 32 - i & 1) == 1;
        }
        return bits;
    }
}
