package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.EntryKind;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.ImageContent;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.VolumeEntry;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ByteSource;
import dev.ferry.storage.ImageReader;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.look.ImageLook;
import dev.ferry.storage.object.MemoryStore;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A hole of a file takes neither time nor room, however long it is. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class HolesTest {
    private static final int WINDOW = Images.WINDOW_BYTES;
    private static final int BUFFERS = 4;
    private static final long TERABYTE = 1L << 40;
    private static final String IMAGE = "j-aaaaaaaa.1";
    private static final String NEXT = "j-aaaaaaaa.2";

    private final BufferPool buffers = new BufferPool(BUFFERS, WINDOW);
    private final MemoryStore store = new MemoryStore();
    private final Images images = new Images(store);
    private final AtomicLong pieces = new AtomicLong();
    private final byte[] begin = new byte[WINDOW + 10_000];

    HolesTest() {
        new Random(5).nextBytes(begin);
    }

    @AfterEach
    void buffersAreBack() {
        assertThat(buffers.available()).isEqualTo(BUFFERS);
    }

    private void write(ByteSink sink, byte[] content) throws InterruptedException {
        for (int at = 0; at < content.length; at += WINDOW) {
            sink.write(buffers.take().put(content, at, Math.min(WINDOW, content.length - at)).flip());
        }
    }

    private static VolumeEntry file() {
        return VolumeEntry.newBuilder().setKind(EntryKind.REGULAR).setPath(ByteString.copyFromUtf8("sparse")).build();
    }

    /** Some data, a hole, one byte. */
    private Image sparse(String id, Optional<String> previous, long hole, boolean told) throws InterruptedException {
        try (ImageWriter writer = images.write(id, previous, buffers)) {
            writer.room(pieces::addAndGet);
            try (ByteSink sink = writer.regular("scratch", file())) {
                write(sink, begin);
                if (told) {
                    sink.zeros(hole);
                } else {
                    write(sink, new byte[(int) hole]);
                }
                write(sink, new byte[] {7});
            }
            Image image = writer.commit(Image.newBuilder().setJob("j-aaaaaaaa").build());
            assertThat(writer.bytesIn()).as("what a dump is measured by").isEqualTo(begin.length + 1 + (told ? 0 : hole));
            return image;
        }
    }

    private VolumeEntry entry(String id) {
        return images.manifest(id).getVolumes(0).getEntries(0);
    }

    @Test
    void oneOfATerabyteIsAThousandPiecesOfTheList() throws Exception {
        Image image = sparse(IMAGE, Optional.empty(), TERABYTE, true);
        assertThat(image.getBytes()).isEqualTo(begin.length + TERABYTE + 1);
        assertThat(image.getHoleBytes()).isEqualTo(TERABYTE);
        assertThat(image.getZeroBytes()).isBetween(TERABYTE - 2L * WINDOW, TERABYTE);
        assertThat(entry(IMAGE).getSize()).isEqualTo(begin.length + TERABYTE + 1);
        assertThat(entry(IMAGE).getChunks().getLengthsList()).hasSizeLessThan(1030).allMatch(length -> length <= PageCutter.MOST_ZERO_BYTES);
        assertThat(pieces.get()).as("what is counted of the heap").isLessThan(1040);
        assertThat(store.get(Keys.manifest(IMAGE)).orElseThrow()).hasSizeLessThan(8 << 10);
    }

    @Test
    void whatIsTheSameHasTheSameChunksHoleOrNot() throws Exception {
        int hole = 9 * WINDOW + 4097;
        Image read = sparse(IMAGE, Optional.empty(), hole, false);
        Image told = sparse(NEXT, Optional.of(IMAGE), hole, true);
        assertThat(entry(NEXT)).isEqualTo(entry(IMAGE));
        assertThat(told.getSentBytes()).isZero();
        assertThat(told.getKnownChunks()).isEqualTo(told.getChunks());
        assertThat(told.getZeroBytes()).isEqualTo(read.getZeroBytes());
        assertThat(told.getBytes()).isEqualTo(read.getBytes());
        assertThat(read.getHoleBytes()).isZero();
    }

    /** @param passed whether zeros that lie nowhere are passed over */
    private static long[] read(ByteSource source, boolean passed, ByteArrayOutputStream into) {
        long zeros = 0;
        long calls = 0;
        try (source) {
            while (true) {
                long some = passed ? source.zeros() : 0;
                if (some > 0) {
                    zeros += some;
                    continue;
                }
                ByteBuffer next = source.next();
                calls++;
                if (next == null) {
                    return new long[] {zeros, calls};
                }
                byte[] bytes = new byte[next.remaining()];
                next.get(bytes);
                into.writeBytes(bytes);
            }
        }
    }

    @Test
    void whoReadsItPassesOverIt() throws Exception {
        Image image = sparse(IMAGE, Optional.empty(), TERABYTE, true);
        try (ImageReader reader = images.read(IMAGE)) {
            ByteArrayOutputStream data = new ByteArrayOutputStream();
            long[] found = read(reader.open(entry(IMAGE).getChunks()), true, data);
            assertThat(data.size() + found[0]).isEqualTo(image.getBytes());
            assertThat(found[1]).as("looks").isLessThan(10);
            assertThat(data.toByteArray()).startsWith(begin).endsWith(7);
        }
        // From the middle of the hole on, and of one of its pieces.
        long offset = begin.length + TERABYTE / 2 + 12_345;
        ByteArrayOutputStream end = new ByteArrayOutputStream();
        long[] found = read(images.openVolumeFile(IMAGE, "scratch", "sparse", offset).orElseThrow(), true, end);
        assertThat(offset + found[0] + end.size()).isEqualTo(image.getBytes());
        assertThat(end.toByteArray()).endsWith(7);
    }

    @Test
    void whoTakesZerosAsBytesGetsThem() throws Exception {
        int hole = 9 * WINDOW + 4097;
        Image image = sparse(IMAGE, Optional.empty(), hole, true);
        byte[] expected = new byte[(int) image.getBytes()];
        System.arraycopy(begin, 0, expected, 0, begin.length);
        expected[expected.length - 1] = 7;
        try (ImageReader reader = images.read(IMAGE)) {
            ByteArrayOutputStream data = new ByteArrayOutputStream();
            assertThat(read(reader.open(entry(IMAGE).getChunks()), false, data)[0]).isZero();
            assertThat(data.toByteArray()).isEqualTo(expected);
        }
    }

    @Test
    void allThatWorksWithImagesDoes() throws Exception {
        Image image = sparse(IMAGE, Optional.empty(), TERABYTE, true);
        assertThat(images.verify(IMAGE).damage()).isEmpty();
        ImageContent content = images.look(java.util.List.of(IMAGE), readers -> ImageLook.content(readers.getFirst()));
        assertThat(content.getPlainBytes()).isEqualTo(image.getBytes());
        assertThat(content.getNonZeroBytes()).isLessThan(4L * WINDOW);
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        assertThat(images.exportFile(IMAGE, file)).isLessThan(1 << 20);
        Images other = new Images(new MemoryStore());
        ImageFile opened = ImageFile.open(new ByteArrayInputStream(file.toByteArray()), "x.ferry", Long.MAX_VALUE);
        Image taken = other.importFile(opened, IMAGE, opened.manifest().getImage(), JobSpec.getDefaultInstance());
        assertThat(taken.getHoleBytes()).isEqualTo(TERABYTE);
        assertThat(other.manifest(IMAGE).getVolumes(0).getEntries(0).getSize()).isEqualTo(image.getBytes());
        assertThat(ImageLook.diff(images.manifest(IMAGE), other.manifest(IMAGE)).getChangedFilesList()).isEmpty();
    }

    @Test
    void anUnchangedFileKeepsItsHole() throws Exception {
        Image first = sparse(IMAGE, Optional.empty(), TERABYTE, true);
        try (ImageWriter writer = images.write(NEXT, Optional.of(IMAGE), buffers)) {
            assertThat(writer.unchanged("scratch", entry(IMAGE))).isTrue();
            Image next = writer.commit(Image.newBuilder().setJob("j-aaaaaaaa").build());
            assertThat(next.getBytes()).isEqualTo(first.getBytes());
            assertThat(next.getBytes() - next.getHoleBytes()).as("what a dump is measured by").isLessThan(4L * WINDOW);
        }
        assertThat(entry(NEXT)).isEqualTo(entry(IMAGE));
    }

    /** A file system may let a file be of 8 EiB, whose list would be of 8 milliards of pieces. */
    @Test
    void oneForWhoseListThereIsNoRoomEndsTheImage() throws Exception {
        try (ImageWriter writer = images.write(IMAGE, Optional.empty(), buffers)) {
            writer.room(more -> {
                if (pieces.addAndGet(more) > 5000) {
                    throw new FerryException(ErrorCode.OBJECT_TOO_LARGE, "no room");
                }
            });
            try (ByteSink sink = writer.regular("scratch", file())) {
                sink.zeros(Long.MAX_VALUE);
            }
            assertThatThrownBy(() -> writer.commit(Image.getDefaultInstance()))
                    .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.OBJECT_TOO_LARGE));
        }
        assertThat(pieces.get()).isLessThan(5010);
        assertThat(images.list(Optional.empty())).isEmpty();
    }

    /** As Ferry wrote them once: a piece of the list for each window of zeros. */
    @Test
    void anOldListIsReadAndPassedOverToo() throws Exception {
        Image image = sparse(IMAGE, Optional.empty(), 40L * WINDOW, true);
        Manifest.Builder old = images.manifest(IMAGE).toBuilder();
        ChunkList list = entry(IMAGE).getChunks();
        ChunkList.Builder windows = ChunkList.newBuilder();
        ByteString.Output hashes = ByteString.newOutput();
        ByteString.Output checks = ByteString.newOutput();
        for (int i = 0; i < list.getLengthsCount(); i++) {
            int parts = list.getStored(i) == 0 ? list.getLengths(i) / WINDOW : 1;
            for (int part = 0; part < parts; part++) {
                list.getHashes().substring(i * ChunkName.BYTES, (i + 1) * ChunkName.BYTES).writeTo(hashes);
                list.getChecks().substring(i * ChunkCheck.BYTES, (i + 1) * ChunkCheck.BYTES).writeTo(checks);
                windows.addLengths(list.getLengths(i) / parts).addPack(list.getPack(i)).addOffset(list.getOffset(i)).addStored(list.getStored(i));
            }
        }
        assertThat(windows.getLengthsCount()).isGreaterThan(40);
        windows.setHashes(hashes.toByteString()).setChecks(checks.toByteString());
        old.getVolumesBuilder(0).getEntriesBuilder(0).setChunks(windows);
        old.getImageBuilder().setId(NEXT).clearHoleBytes();
        store.create(Keys.manifest(NEXT), ManifestFormat.write(old.build()));
        try (ImageReader reader = images.read(NEXT)) {
            ByteArrayOutputStream data = new ByteArrayOutputStream();
            long[] found = read(reader.open(entry(NEXT).getChunks()), true, data);
            assertThat(data.size() + found[0]).isEqualTo(image.getBytes());
            assertThat(found[0]).isEqualTo(image.getZeroBytes());
            assertThat(data.toByteArray()).startsWith(begin).endsWith(7);
        }
    }
}
