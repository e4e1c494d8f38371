package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.EntryKind;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.VolumeEntry;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.object.MemoryStore;
import java.time.Duration;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Each chunk and each entry of an image takes of a process's memory: room is asked for before one is kept. */
@Timeout(60)
class RoomTest {
    private static final int BUFFERS = 4;
    private final BufferPool buffers = new BufferPool(BUFFERS, Images.WINDOW_BYTES);
    private final Images images = new Images(new MemoryStore());
    private final AtomicInteger taken = new AtomicInteger();
    private final Random random = new Random(3);

    private ImageWriter.Room room(int most) {
        return more -> {
            if (taken.addAndGet(more) > most) {
                throw new FerryException(ErrorCode.OBJECT_TOO_LARGE, "no room");
            }
        };
    }

    private void write(ByteSink sink, int windows) throws InterruptedException {
        try (sink) {
            byte[] noise = new byte[Images.WINDOW_BYTES];
            for (int i = 0; i < windows; i++) {
                random.nextBytes(noise);
                sink.write(buffers.take().put(noise).flip());
            }
        }
    }

    private static VolumeEntry entry(String path, EntryKind kind) {
        return VolumeEntry.newBuilder().setPath(ByteString.copyFromUtf8(path)).setKind(kind).build();
    }

    @Test
    void everyChunkAndEveryEntryIsCounted() throws Exception {
        try (ImageWriter image = images.write("j-aaaaaaaa.1", Optional.empty(), buffers)) {
            image.room(room(Integer.MAX_VALUE));
            write(image.file("core-1.img"), 3);
            image.entry("scratch", entry("", EntryKind.DIRECTORY));
            write(image.regular("scratch", entry("file", EntryKind.REGULAR)), 5);
            Image ignored = image.commit(Image.newBuilder().setJob("j-aaaaaaaa").build());
        }
        assertThat(taken).hasValue(3 + 1 + 1 + 5);
        VolumeEntry file = images.manifest("j-aaaaaaaa.1").getVolumes(0).getEntries(1);
        try (ImageWriter image = images.write("j-aaaaaaaa.2", Optional.of("j-aaaaaaaa.1"), buffers)) {
            image.room(room(15));
            assertThat(image.unchanged("scratch", file)).isFalse();
        } catch (FerryException none) {
            assertThat(none.code()).isEqualTo(ErrorCode.OBJECT_TOO_LARGE);
        }
        assertThat(taken).hasValue(16);
    }

    @Test
    void anImageForWhichThereIsNoRoomFails() throws Exception {
        try (ImageWriter image = images.write("j-aaaaaaaa.1", Optional.empty(), buffers)) {
            image.room(room(20));
            assertThatThrownBy(() -> {
                        write(image.regular("scratch", entry("file", EntryKind.REGULAR)), 200);
                        Image ignored = image.commit(Image.newBuilder().setJob("j-aaaaaaaa").build());
                    })
                    .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.OBJECT_TOO_LARGE))
                    .hasMessageContaining("no room");
        }
        assertThat(taken.get()).isLessThan(30);
        assertThat(images.list(Optional.empty())).isEmpty();
        await().atMost(Duration.ofSeconds(20)).until(buffers::available, available -> available == BUFFERS);
    }
}
