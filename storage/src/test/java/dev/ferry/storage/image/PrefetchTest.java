package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.StoredFile;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ByteSource;
import dev.ferry.storage.ImageReader;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.object.FolderStore;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What CRIU asks for next is on its way before it asks. */
class PrefetchTest {
    private static final int FILES = 40;
    private static final int SIZE = 5000;
    private static final String IMAGE = "j-aaaaaaaa.1";

    private final BufferPool buffers = new BufferPool(8, Images.WINDOW_BYTES);
    private final List<Long> reads = new CopyOnWriteArrayList<>();

    /** Writes down where in a pack it is read. */
    private final class SeenStore extends ForwardingStore {
        SeenStore(ObjectStore real) {
            super(real);
        }

        @Override
        public void read(String key, long offset, ByteBuffer into) {
            if (key.startsWith("packs/")) {
                reads.add(offset);
            }
            super.read(key, offset, into);
        }
    }

    private static String name(int file) {
        return "file-" + file + ".img";
    }

    private static byte[] content(int file) {
        byte[] noise = new byte[SIZE];
        new Random(file).nextBytes(noise);
        return noise;
    }

    private Images images(Path folder, List<String> restoreOrder) throws Exception {
        Images images = new Images(new SeenStore(new FolderStore(folder)));
        try (ImageWriter writer = images.write(IMAGE, Optional.empty(), buffers)) {
            for (int file = 0; file < FILES; file++) {
                try (ByteSink sink = writer.file(name(file))) {
                    sink.write(buffers.take().put(content(file)).flip());
                }
            }
            writer.restoreOrder(restoreOrder);
            Image ignored = writer.commit(Image.newBuilder().setJob("j-aaaaaaaa").build());
        }
        return images;
    }

    private static byte[] read(ImageReader reader, int file) {
        ByteBuffer all = ByteBuffer.allocate(SIZE);
        try (ByteSource source = reader.open(reader.file(name(file)).orElseThrow().getChunks())) {
            for (ByteBuffer next = source.next(); next != null; next = source.next()) {
                all.put(next);
            }
        }
        return all.array();
    }

    private static long place(ImageReader reader, int file) {
        return reader.file(name(file)).orElseThrow().getChunks().getOffset(0);
    }

    @Test
    void theFilesThatCriuAskedForFirstLastTimeAreFetchedFirst(@TempDir Path folder) throws Exception {
        List<String> lastTime = IntStream.range(0, FILES).map(i -> FILES - 1 - i).mapToObj(PrefetchTest::name).toList();
        try (ImageReader reader = images(folder, lastTime).read(IMAGE)) {
            reader.prefetch();
            await().untilAsserted(() -> assertThat(reads).hasSize(12));
            assertThat(reads).containsExactlyInAnyOrderElementsOf(IntStream.range(FILES - 12, FILES).mapToObj(file -> place(reader, file)).toList());
            assertThat(read(reader, FILES - 1)).isEqualTo(content(FILES - 1));
            await().untilAsserted(() -> assertThat(reads).hasSize(13));
            assertThat(reads).as("the one after them, and none twice").last().isEqualTo(place(reader, FILES - 13));
        }
    }

    @Test
    void allIsReadOnceAlsoWhenCriuAsksInAnotherOrder(@TempDir Path folder) throws Exception {
        try (ImageReader reader = images(folder, List.of(name(3), "gone.img", name(3), name(1))).read(IMAGE)) {
            reader.prefetch();
            for (int file = FILES - 1; file >= 0; file--) {
                assertThat(read(reader, file)).isEqualTo(content(file));
            }
            assertThat(reads).hasSize(FILES).doesNotHaveDuplicates();
        }
    }

    @Test
    void theOrderIsThatOfLastTimeThenSmallFilesThenMemory() {
        Manifest manifest =
                Manifest.newBuilder()
                        .addFiles(file("pages-1.img"))
                        .addFiles(file("core-1.img"))
                        .addFiles(file("pages-2.img"))
                        .addFiles(StoredFile.newBuilder().setName("empty.img"))
                        .addFiles(file("mm-1.img"))
                        .addFiles(file("inventory.img"))
                        // What an image says that was made to do harm.
                        .addAllRestoreOrder(List.of(5, 2, 5, -1, 17))
                        .build();
        assertThat(Prefetch.order(manifest)).extracting(StoredFile::getName).containsExactly("inventory.img", "pages-2.img", "core-1.img", "mm-1.img", "pages-1.img");
    }

    private static StoredFile file(String name) {
        return StoredFile.newBuilder().setName(name).setChunks(ChunkList.newBuilder().addLengths(1)).build();
    }
}
