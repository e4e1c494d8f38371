package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class WindowMemoryTest {
    private static final int BLOCKS = 8;

    private final Random random = new Random(11);
    private final WindowMemory memory = new WindowMemory(16L * BLOCKS * WindowNames.BLOCK_BYTES);
    private final AtomicInteger recognised = new AtomicInteger();

    private static Window window(byte[] content) {
        Window window = new Window();
        window.add(new Piece(ByteBuffer.wrap(content), () -> {}), 0, content.length);
        return window;
    }

    private static byte[] numbered(long number) {
        return ByteBuffer.allocate(Long.BYTES).putLong(number).array();
    }

    private Named named(WindowMemory.Use use, byte[] content) {
        return use.named(ChunkWorker.ofThread(), window(content), recognised::incrementAndGet);
    }

    /** An image of windows with numbers, all of it; its job goes on here. */
    private int image(String job, int from, int to) {
        int before = recognised.get();
        try (WindowMemory.Use use = memory.begin(job)) {
            use.remember();
            for (int i = from; i < to; i++) {
                assertThat(named(use, numbered(i))).isEqualTo(ChunkWorker.ofThread().named(window(numbered(i))));
            }
            use.whole();
        }
        assertThat(memory.blocks()).isLessThanOrEqualTo(BLOCKS);
        return recognised.get() - before;
    }

    /** Whatever changes between images, each window has the name and the check that it has without any memory. */
    @Test
    void namesAreThoseOfTheBytes() {
        List<byte[]> windows = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            byte[] content = new byte[1 + random.nextInt(3 * 4096)];
            if (i % 3 > 0) {
                random.nextBytes(content);
            }
            windows.add(content);
        }
        for (int round = 0; round < 30; round++) {
            int changed = 0;
            try (WindowMemory.Use use = memory.begin("j-a")) {
                use.remember();
                int before = recognised.get();
                for (byte[] content : windows) {
                    if (random.nextInt(4) == 0) {
                        content[random.nextInt(content.length)] ^= (byte) (1 << random.nextInt(8));
                        changed++;
                    }
                    assertThat(named(use, content)).isEqualTo(ChunkWorker.ofThread().named(window(content)));
                }
                assertThat(recognised.get() - before).isGreaterThanOrEqualTo(round == 0 ? 0 : windows.size() - changed);
                use.whole();
            }
        }
        assertThat(recognised.get()).isLessThan(30 * windows.size());
    }

    @Test
    void theLastImageTakesThePlaceOfTheOneBefore() {
        assertThat(image("j-a", 0, 100)).isZero();
        assertThat(image("j-a", 50, 150)).isEqualTo(50);
        assertThat(image("j-a", 0, 150)).as("0 to 49 are forgotten").isEqualTo(100);
        assertThat(memory.blocks()).isEqualTo(1);
    }

    @Test
    void theSameWindowTwiceIsNamedOnce() {
        try (WindowMemory.Use use = memory.begin("j-a")) {
            use.remember();
            assertThat(named(use, numbered(1))).isEqualTo(named(use, numbered(1)));
        }
        assertThat(recognised).hasValue(1);
    }

    @Test
    void oneJobDoesNotRecogniseAnothers() {
        assertThat(image("j-a", 0, 10)).isZero();
        assertThat(image("j-b", 0, 10)).isZero();
        assertThat(image("j-a", 0, 10)).isEqualTo(10);
    }

    @Test
    void anImageThatDoesNotBecomeWholeLeavesWhatWasThere() {
        int ignored = image("j-a", 0, 10);
        try (WindowMemory.Use use = memory.begin("j-a")) {
            use.remember();
            Named unused = named(use, numbered(500));
        }
        assertThat(memory.blocks()).isEqualTo(1);
        assertThat(image("j-a", 0, 10)).isEqualTo(10);
    }

    /** As a migration's dump: it finds, and is not remembered. */
    @Test
    void aJobThatLeavesIsRecognisedOnly() {
        try (WindowMemory.Use use = memory.begin("j-a")) {
            Named twice = named(use, numbered(1));
            assertThat(named(use, numbered(1))).isEqualTo(twice);
            use.whole();
        }
        assertThat(recognised).hasValue(0);
        assertThat(memory.blocks()).isZero();
        int ignored = image("j-a", 0, 10);
        try (WindowMemory.Use use = memory.begin("j-a")) {
            Named unused = named(use, numbered(5));
            use.whole();
        }
        assertThat(recognised).hasValue(1);
        assertThat(image("j-a", 0, 10)).as("it is suspended, and comes back here").isEqualTo(10);
    }

    @Test
    void theJobWhoseImageIsLongestAgoIsForgotten() {
        for (int job = 0; job < 3 * BLOCKS; job++) {
            assertThat(image("j-" + job, 0, 10)).isZero();
            assertThat(image("j-0", 0, 10)).as("after job %d", job).isEqualTo(10);
        }
        assertThat(memory.blocks()).as("all but the one in which job 0 had its image before").isEqualTo(BLOCKS - 1);
        assertThat(image("j-" + (3 * BLOCKS - 1), 0, 10)).isEqualTo(10);
        assertThat(image("j-1", 0, 10)).isZero();
    }

    @Test
    void ofAJobThatIsTooLargeAPartIsRemembered() {
        int large = 3 * BLOCKS * WindowNames.BLOCK_ROWS;
        assertThat(image("j-a", 0, large)).isZero();
        for (int again = 0; again < 3; again++) {
            assertThat(image("j-a", 0, large)).isEqualTo(BLOCKS / 2 * WindowNames.BLOCK_ROWS);
        }
    }

    @Test
    void whoHasNoRoomIsSavedAsWithoutAnyMemory() {
        WindowMemory none = new WindowMemory(0);
        for (int i = 0; i < 3; i++) {
            try (WindowMemory.Use use = none.begin("j-a")) {
                use.remember();
                assertThat(named(use, numbered(i))).isEqualTo(ChunkWorker.ofThread().named(window(numbered(i))));
                use.whole();
            }
        }
        assertThat(recognised).hasValue(0);
    }

    @Test
    void threadsOfSeveralImagesAtOnce() throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
            List<Future<Boolean>> jobs = new ArrayList<>();
            for (int job = 0; job < 4; job++) {
                String id = "j-" + job;
                jobs.add(threads.submit(() -> images(id)));
            }
            for (Future<Boolean> job : jobs) {
                assertThat(job.get()).isTrue();
            }
        }
        assertThat(recognised).hasPositiveValue();
        assertThat(memory.blocks()).isLessThanOrEqualTo(BLOCKS);
    }

    /** Each of them named by several threads; the memory is too small for all of them. */
    private boolean images(String job) throws Exception {
        for (int round = 0; round < 10; round++) {
            try (WindowMemory.Use use = memory.begin(job);
                    ExecutorService threads = Executors.newFixedThreadPool(3)) {
                use.remember();
                List<Future<Boolean>> parts = new ArrayList<>();
                for (int part = 0; part < 3; part++) {
                    int from = round * 50 + part * 250;
                    parts.add(threads.submit(() -> namedAsWithout(use, from, from + 300)));
                }
                for (Future<Boolean> part : parts) {
                    assertThat(part.get()).isTrue();
                }
                use.whole();
            }
        }
        return true;
    }

    private boolean namedAsWithout(WindowMemory.Use use, int from, int to) {
        for (int i = from; i < to; i++) {
            if (!named(use, numbered(i)).equals(ChunkWorker.ofThread().named(window(numbered(i))))) {
                return false;
            }
        }
        return true;
    }
}
