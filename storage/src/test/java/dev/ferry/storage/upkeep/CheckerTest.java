package dev.ferry.storage.upkeep;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.StoreFinding;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.object.MemoryStore;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What a check of a store says while others write, and of what several images share. */
class CheckerTest {
    private static final int WINDOW = Images.WINDOW_BYTES;

    private final MemoryStore shared = new MemoryStore();
    private final Images images = new Images(shared);
    private final BufferPool buffers = new BufferPool(4, WINDOW);

    @SuppressWarnings("MustBeClosedChecker")
    private ImageWriter begin(String id, Optional<String> previous, int seed) {
        try {
            ImageWriter image = images.write(id, previous, buffers);
            Random random = new Random(seed);
            byte[] noise = new byte[WINDOW];
            try (ByteSink sink = image.file("pages-1.img")) {
                for (int i = 0; i < 20; i++) {
                    random.nextBytes(noise);
                    sink.write(buffers.take().put(noise).flip());
                }
            }
            return image;
        } catch (InterruptedException stopped) {
            throw new IllegalStateException(stopped);
        }
    }

    private void end(ImageWriter image) {
        try (image) {
            Image ignored = image.commit(Image.newBuilder().setJob("j-aaaaaaaa").build());
        }
    }

    /** At each moment of a check a dump begins, or one that had begun before commits: neither its packs nor its image are found to be wrong. */
    @Test
    void aDumpBesideACheckIsNoFinding() {
        end(begin("j-aaaaaaaa.1", Optional.empty(), 1));
        for (int moment = 0; moment < 12; moment++) {
            List<String> calls = new ArrayList<>();
            Deque<ImageWriter> open = new ArrayDeque<>();
            int at = moment;
            int begins = 2 + 2 * moment;
            Images seen =
                    new Images(
                            new ProcessStore(
                                    shared,
                                    call -> {
                                        calls.add(call);
                                        if (calls.size() == at + 1) {
                                            end(begin("j-aaaaaaaa." + begins, Optional.empty(), begins));
                                            open.add(begin("j-aaaaaaaa." + (begins + 1), Optional.empty(), begins + 1));
                                        } else if (calls.size() == at + 3) {
                                            end(open.removeFirst());
                                        }
                                        return ProcessStore.Turns.Turn.GO;
                                    }));
            assertThat(seen.check(true).getFindingsList()).as("moment %d of %s", at, calls).isEmpty();
            open.forEach(this::end);
            assertThat(images.check(false).getFindingsList()).isEmpty();
        }
    }

    @Test
    void aDamagedChunkIsDamageOfEachImageThatNeedsIt() {
        end(begin("j-aaaaaaaa.1", Optional.empty(), 1));
        end(begin("j-aaaaaaaa.2", Optional.of("j-aaaaaaaa.1"), 1));
        end(begin("j-bbbbbbbb.1", Optional.empty(), 2));
        assertThat(shared.list("packs/j-aaaaaaaa/")).hasSize(1);
        String pack = shared.list("packs/j-aaaaaaaa/").getFirst();
        byte[] damaged = shared.get(pack).orElseThrow();
        damaged[damaged.length / 2] ^= 1;
        shared.put(pack, ByteBuffer.wrap(damaged));
        List<StoreFinding> found = images.check(false).getFindingsList();
        assertThat(found).extracting(StoreFinding::getObject).containsExactly("images/j-aaaaaaaa/0000000001.manifest", "images/j-aaaaaaaa/0000000002.manifest");
        assertThat(found).allMatch(StoreFinding::getDamage).allMatch(finding -> finding.getProblem().contains(pack));
    }
}
