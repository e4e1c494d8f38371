package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.StoredFile;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.Images;
import dev.ferry.storage.object.MemoryStore;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Errors that nobody thinks of, in the threads behind an image: it must not count as whole, and nobody may wait for it. */
@Timeout(60)
class ErrorsTest {
    private static final String IMAGE = "j-aaaaaaaa.1";
    private static final int BUFFERS = 4;
    private static final int WINDOW = Images.WINDOW_BYTES;

    private final MemoryStore real = new MemoryStore();
    private final BufferPool buffers = new BufferPool(BUFFERS, WINDOW);
    private final Workers workers = new Workers(() -> {}, 2, Duration.ofMinutes(10));

    /** Its packs can't be put, and the reason is no exception. */
    private final class BrokenStore extends ForwardingStore {
        BrokenStore() {
            super(real);
        }

        @Override
        public void put(String key, ByteBuffer content) {
            if (key.startsWith(Keys.packsOf(IMAGE))) {
                throw new AssertionError("of the test");
            }
            super.put(key, content);
        }
    }

    private static void write(StoredImageWriter writer, ByteSink sink, int windows) throws InterruptedException {
        byte[] content = new byte[WINDOW];
        Random random = new Random(windows);
        try (sink) {
            for (int window = 0; window < windows; window++) {
                random.nextBytes(content);
                sink.write(writer.take().put(content).flip());
            }
        }
    }

    private static void assertInternal(ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.INTERNAL)).hasMessageContaining("of the test");
    }

    @Test
    void aPackThatIsNotStoredIsMissed() throws Exception {
        try (StoredImageWriter writer = new StoredImageWriter(new BrokenStore(), IMAGE, Optional.empty(), buffers, new PackBuffers(), workers)) {
            write(writer, writer.file("pages-1.img"), 2);
            assertInternal(() -> writer.commit(Image.getDefaultInstance()));
        }
        assertThat(new Images(real).list(Optional.empty())).isEmpty();
        assertThat(buffers.available()).isEqualTo(BUFFERS);
    }

    @Test
    void aPackOfAnImportThatIsNotStoredIsMissed() throws Exception {
        String source = "j-bbbbbbbb.1";
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        Images whole = new Images(real);
        try (StoredImageWriter writer = new StoredImageWriter(real, source, Optional.empty(), buffers, new PackBuffers(), workers)) {
            write(writer, writer.file("pages-1.img"), 2);
            Image ignored = writer.commit(Image.getDefaultInstance());
        }
        long unused = whole.exportFile(source, file);
        ImageFile opened = ImageFile.open(new ByteArrayInputStream(file.toByteArray()), "x.ferry", Long.MAX_VALUE);
        assertInternal(() -> ImageImport.run(new BrokenStore(), new PackBuffers(), opened, IMAGE, opened.manifest().getImage(), JobSpec.getDefaultInstance()));
        assertThat(whole.ids()).containsOnly(source);
    }

    /** Cuts nothing. */
    private static final class BrokenCutter implements Cutter {
        @Override
        public void cut(Piece piece) {
            throw new AssertionError("of the test");
        }

        @Override
        public void zeros(int bytes) {
            throw new AssertionError("of the test");
        }

        @Override
        public void settle() {}

        @Override
        public void end() {}

        @Override
        public void drop() {}
    }

    /** Whoever empties a pipe waited for ever for the buffers of a run that nobody cut any more. */
    @Test
    void aRunThatCanNotBeCutGivesItsBuffersBack() {
        try (StoredImageWriter writer = new StoredImageWriter(real, IMAGE, Optional.empty(), buffers, new PackBuffers(), workers)) {
            assertInternal(() -> write(writer, new RunSink(writer, new BrokenCutter()), 3 * BUFFERS));
            assertInternal(() -> writer.commit(Image.getDefaultInstance()));
        }
        assertThat(buffers.available()).isEqualTo(BUFFERS);
    }

    private static Set<Thread> uploads() {
        return Thread.getAllStackTraces().keySet().stream().filter(thread -> thread.getName().equals(PackWriter.THREADS)).collect(Collectors.toSet());
    }

    /** There is none that could be closed: its hold kept packs until a collector gave it up, and its threads stayed for ever. */
    @Test
    void aWriterThatCanNotBeginLeavesNothing() {
        ChunkList outside = ChunkList.newBuilder().setHashes(ByteString.copyFrom(new byte[ChunkName.BYTES])).addLengths(1).addPack(7).addOffset(0).addStored(1).build();
        Manifest before = Manifest.newBuilder().addFiles(StoredFile.newBuilder().setName("pages-1.img").setChunks(outside)).build();
        Set<Thread> others = uploads();
        assertThatThrownBy(() -> new StoredImageWriter(real, IMAGE, Optional.of(before), buffers, new PackBuffers(), workers)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThat(real.list(Keys.HOLDS)).isEmpty();
        await().untilAsserted(() -> assertThat(others).containsAll(uploads()));
    }
}
