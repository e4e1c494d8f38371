package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.object.FolderStore;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class PackWriterTest {
    private static final int CHUNK = 256 << 10;

    @TempDir private Path folder;
    private FolderStore store;
    private final Random random = new Random(5);

    @BeforeEach
    void open() {
        store = new FolderStore(folder);
    }

    private static PackWriter writer(ObjectStore store, PackBuffers buffers, int image) {
        return new PackWriter(store, buffers, "j-aaaaaaaa." + image, "w" + image, Optional.empty(), failed -> {});
    }

    private ChunkPlace add(PackWriter writer) throws InterruptedException {
        byte[] content = new byte[CHUNK];
        random.nextBytes(content);
        return writer.add(ChunkName.of(ChunkName.sha256().digest(content)), ByteBuffer.wrap(content));
    }

    /** One thread serves all images: if it waited for the pack of one that needs it to fill that pack, nothing would go on. */
    @Test
    @Timeout(60)
    void imagesWithHalfFullPacksDontHoldUpEachOther() throws Exception {
        PackBuffers buffers = new PackBuffers(Duration.ofSeconds(20));
        List<PackWriter> writers = new ArrayList<>();
        for (int image = 0; image < 3 * PackBuffers.MOST; image++) {
            writers.add(writer(store, buffers, image));
        }
        List<ChunkPlace> places = new ArrayList<>();
        for (int round = 0; round < 2 * PackBuffers.SMALL_BYTES / CHUNK; round++) {
            for (PackWriter writer : writers) {
                places.add(add(writer));
            }
        }
        for (PackWriter writer : writers) {
            writer.finish();
            writer.close();
        }
        assertThat(places).allSatisfy(place -> assertThat(store.get(place.pack())).hasValueSatisfying(pack -> assertThat(pack.length).isGreaterThanOrEqualTo((int) place.offset() + place.stored())));
        // None is lost.
        for (int i = 0; i < PackBuffers.MOST; i++) {
            assertThat(buffers.poll()).isNotNull();
        }
        assertThat(buffers.poll()).isNull();
    }

    /** An upload that never ends must not hold up its image for ever, and without a word. */
    @Test
    @Timeout(60)
    void aStoreThatTakesNothingIsNotWaitedForWithoutEnd() throws Exception {
        CountDownLatch goOn = new CountDownLatch(1);
        PackWriter writer = writer(new HeldStore(store, goOn), new PackBuffers(Duration.ofMillis(50)), 1);
        try {
            assertThatThrownBy(() -> fill(writer)).isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.STORE_UNREACHABLE));
            assertThatThrownBy(writer::finish).isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.STORE_UNREACHABLE));
            assertThat(writer.finish(1)).isFalse();
        } finally {
            goOn.countDown();
            await().until(() -> writer.finish(1));
            writer.close();
        }
    }

    @Test
    @Timeout(60)
    void whoWaitsIsToldWhenTheImageIsGivenUp() throws Exception {
        CountDownLatch goOn = new CountDownLatch(1);
        HeldStore held = new HeldStore(store, goOn);
        PackWriter writer = writer(held, new PackBuffers(Duration.ofMinutes(1)), 1);
        try {
            CompletableFuture<Void> filling =
                    CompletableFuture.runAsync(
                            () -> {
                                try {
                                    fill(writer);
                                } catch (InterruptedException interrupted) {
                                    throw new IllegalStateException(interrupted);
                                }
                            });
            writer.giveUp();
            assertThatThrownBy(filling::join).isInstanceOf(CompletionException.class).cause().isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.CANCELLED));
        } finally {
            goOn.countDown();
            await().until(() -> writer.finish(1));
            writer.close();
        }
    }

    /** More than all buffers hold. */
    private void fill(PackWriter writer) throws InterruptedException {
        for (int chunk = 0; chunk <= (PackBuffers.MOST + 1) * PackBuffers.BYTES / CHUNK; chunk++) {
            ChunkPlace ignored = add(writer);
        }
    }
}
