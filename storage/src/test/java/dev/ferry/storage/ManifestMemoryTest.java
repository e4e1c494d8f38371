package dev.ferry.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.EntryKind;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.VolumeEntry;
import dev.ferry.storage.image.StoredManifest;
import dev.ferry.storage.object.MemoryStore;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Whoever reads whole images takes no more than a third of the heap, all together. */
class ManifestMemoryTest {
    private static final Duration AT_ONCE = Duration.ZERO;
    private static final int CHUNKS = 700;
    private static final int FOLDERS = 50;
    private static final int PIECES = 2 + CHUNKS + 2 * FOLDERS;
    private static final String ID = "j-aaaaaaaa.1";

    private final MemoryStore store = new MemoryStore();

    /** Chunks of which most are zeros, in a list that is a part of its own and in short ones. */
    @BeforeEach
    void write() throws Exception {
        BufferPool buffers = new BufferPool(4, Images.WINDOW_BYTES);
        Random random = new Random(3);
        try (ImageWriter image = new Images(store).write(ID, Optional.empty(), buffers)) {
            byte[] noise = new byte[1000];
            try (ByteSink sink = image.file("core-1.img")) {
                for (int chunk = 0; chunk < CHUNKS; chunk++) {
                    random.nextBytes(noise);
                    sink.write(buffers.take().put(chunk % 2 == 0 ? noise : new byte[0]).put(new byte[Images.WINDOW_BYTES - (chunk % 2 == 0 ? noise.length : 0)]).flip());
                }
            }
            for (int folder = 0; folder < FOLDERS; folder++) {
                image.entry("work", VolumeEntry.newBuilder().setKind(EntryKind.DIRECTORY).setPath(ByteString.copyFromUtf8("folder-" + folder)).build());
            }
            Image ignored = image.commit(Image.newBuilder().setJob("j-aaaaaaaa").build());
        }
    }

    private static void assertRefused(ErrorCode code, ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).as(refused.getMessage()).isEqualTo(code));
    }

    @Test
    void zerosAndEntriesCountAsWell() {
        assertThat(StoredManifest.open(store, ID).pieces()).isEqualTo(PIECES);
        assertThat(StoredManifest.open(store, ID).image().getChunks()).isEqualTo(CHUNKS / 2);
    }

    @Test
    void whatIsLargerThanAllOfItIsRefusedAndWhatOthersHaveIsAwaited() {
        ManifestMemory memory = new ManifestMemory(300 << 10);
        assertThat(memory.<Boolean, RuntimeException>within(100 << 10, AT_ONCE, () -> true)).isTrue();
        assertRefused(ErrorCode.OBJECT_TOO_LARGE, () -> memory.<Boolean, RuntimeException>within((100 << 10) + 1, AT_ONCE, () -> true));
        boolean alone =
                memory.<Boolean, RuntimeException>within(
                        60 << 10,
                        AT_ONCE,
                        () -> {
                            assertRefused(ErrorCode.DEADLINE_EXCEEDED, () -> memory.<Boolean, RuntimeException>within(41 << 10, AT_ONCE, () -> true));
                            return memory.<Boolean, RuntimeException>within(40 << 10, AT_ONCE, () -> true);
                        });
        assertThat(alone).isTrue();
        assertThatThrownBy(() -> memory.within(100 << 10, AT_ONCE, () -> { throw new IllegalStateException("of the work"); })).hasMessage("of the work");
        assertThat(memory.<Boolean, RuntimeException>within(100 << 10, AT_ONCE, () -> true)).isTrue();
    }

    @Test
    void everyLookAtAWholeImageAsksForMemory() {
        Images small = new Images(store, () -> {}, Optional.empty(), 3 * 100 * PIECES);
        assertRefused(ErrorCode.OBJECT_TOO_LARGE, () -> small.verify(ID));
        assertRefused(ErrorCode.OBJECT_TOO_LARGE, () -> small.look(List.of(ID), readers -> true));
        assertRefused(ErrorCode.OBJECT_TOO_LARGE, () -> small.look(List.of(ID, ID), readers -> true));
        assertThat(small.check(false).getFindingsList()).singleElement().satisfies(finding -> assertThat(finding.getProblem()).contains("not checked"));
        Images large = new Images(store, () -> {}, Optional.empty(), 3 * 250 * PIECES);
        assertThat(large.verify(ID).damage()).isEmpty();
        assertThat(large.<String>look(List.of(ID), readers -> readers.getFirst().manifest().getImage().getId())).isEqualTo(ID);
        assertRefused(ErrorCode.OBJECT_TOO_LARGE, () -> large.look(List.of(ID, ID), readers -> true));
        assertThat(large.stats()).as("read list by list, it takes no memory for the whole").isEqualTo(small.stats());
        assertThat(large.stats().getJobsCount()).isEqualTo(1);
        assertThat(large.stats().getNeededBytes()).isEqualTo(large.stats().getPackBytes());
        assertThat(large.check(false).getFindingsList()).isEmpty();
    }
}
