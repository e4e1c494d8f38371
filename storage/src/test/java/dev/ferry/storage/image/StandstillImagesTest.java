package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.Image;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.object.FolderStore;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Images of a machine with two cores, where a standstill holds the threads behind them back for as long as it lasts. */
@Timeout(60)
class StandstillImagesTest {
    private static final int BUFFERS = 4;
    private static final int WINDOW = Images.WINDOW_BYTES;

    @TempDir private Path folder;
    private final BufferPool buffers = new BufferPool(BUFFERS, WINDOW);
    private final PackBuffers packs = new PackBuffers();
    private final Workers workers = new Workers(() -> {}, 2, Duration.ofMinutes(10));

    private ImageWriter writer(int number) {
        return new StoredImageWriter(new FolderStore(folder), "j-aaaaaaaa." + number, Optional.empty(), buffers, packs, workers);
    }

    private static void write(ImageWriter writer, int windows) throws InterruptedException {
        byte[] content = new byte[windows * WINDOW];
        new Random(windows).nextBytes(content);
        try (ByteSink sink = writer.file("pages-1.img")) {
            for (int at = 0; at < content.length; at += WINDOW) {
                sink.write(writer.take().put(content, at, WINDOW).flip());
            }
        }
    }

    /** All of them would wait for each other: the reader for a buffer, the threads that free it for the reader. */
    @Test
    void whatHasNoRoomWaitsForNoStandstill() throws Exception {
        try (ImageWriter writer = writer(1)) {
            writer.sourceStandsStill(true);
            write(writer, 3 * BUFFERS);
            writer.sourceStandsStill(false);
            assertThat(writer.commit(Image.getDefaultInstance()).getBytes()).isEqualTo(3L * BUFFERS * WINDOW);
        }
    }

    @Test
    void anImageThatIsGivenUpHoldsNobodyBack() throws Exception {
        try (ImageWriter writer = writer(1)) {
            writer.sourceStandsStill(true);
            write(writer, 1);
        }
        assertThat(buffers.available()).isEqualTo(BUFFERS);
    }

    /** The job of the other one may stand still for it. */
    @Test
    void anImageThatHasAllItsBytesWaitsForNoOthersStandstill() throws Exception {
        try (ImageWriter still = writer(1);
                ImageWriter other = writer(2)) {
            still.sourceStandsStill(true);
            write(other, 2);
            assertThat(other.commit(Image.getDefaultInstance()).getBytes()).isEqualTo(2L * WINDOW);
        }
    }
}
