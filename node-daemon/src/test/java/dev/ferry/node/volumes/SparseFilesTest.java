package dev.ferry.node.volumes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.node.posix.SparseFile;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.VolumeEntry;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ImageReader;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.object.FolderStore;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Files with holes go into an image at the cost of their data, and come back with their holes. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SparseFilesTest {
    private static final int BUFFERS = 4;
    private static final int WINDOW = Images.WINDOW_BYTES;
    private static final long MEBIBYTE = 1 << 20;
    private static final long TERABYTE = 1L << 40;
    /** A sector, as stat(2) counts them. */
    private static final int SECTOR = 512;
    private static final int PAGE = 4096;
    /** What a thread may have read of the daemon's own classes, which it loads when it needs them first. */
    private static final long CLASSES = 16 * MEBIBYTE;

    @TempDir Path folder;
    private final BufferPool buffers = new BufferPool(BUFFERS, WINDOW);
    private final Random random = new Random(9);
    private Images images;
    private Path source;
    private Path target;
    /** Of the last capture. */
    private long read;
    private long content;
    /** Of the last restore. */
    private long written;

    @BeforeEach
    void prepare() throws Exception {
        images = new Images(new FolderStore(folder.resolve("store")));
        source = Files.createDirectory(folder.resolve("source"));
        target = folder.resolve("target");
    }

    @AfterEach
    void buffersAreBack() {
        assertThat(buffers.available()).isEqualTo(BUFFERS);
    }

    /** What this thread has read of any files, as the kernel counts it. */
    private static long readSoFar() throws IOException {
        return Files.readAllLines(Path.of("/proc/thread-self/io")).stream().filter(line -> line.startsWith("rchar: ")).mapToLong(line -> Long.parseLong(line.substring(7))).sum();
    }

    private Image capture(Path from, int sequence, Optional<String> previous, Set<Long> mapped) throws Exception {
        Manifest before = previous.map(images::manifest).orElse(null);
        try (ImageWriter writer = images.write("j-aaaaaaaa." + sequence, previous, buffers)) {
            VolumeCapture capture = new VolumeCapture(writer, before, mapped);
            long begin = readSoFar();
            capture.capture("scratch", from);
            read = readSoFar() - begin;
            content = capture.bytes();
            return writer.commit(Image.newBuilder().setCreatedAt(System.currentTimeMillis()).build());
        }
    }

    private Image capture() throws Exception {
        return capture(source, 1, Optional.empty(), Set.of());
    }

    private void restore(Image image, Path to) throws Exception {
        try (ImageReader reader = images.read(image.getId())) {
            VolumeRestore restore = new VolumeRestore(reader);
            restore.restore(reader.manifest().getVolumes(0), to);
            written = restore.bytes();
        }
    }

    private static void write(Path file, long at, byte[] content) throws IOException {
        try (RandomAccessFile opened = new RandomAccessFile(file.toFile(), "rw")) {
            opened.seek(at);
            opened.write(content);
        }
    }

    private static void length(Path file, long length) throws IOException {
        try (RandomAccessFile opened = new RandomAccessFile(file.toFile(), "rw")) {
            opened.setLength(length);
        }
    }

    private byte[] noise(int bytes) {
        byte[] noise = new byte[bytes];
        random.nextBytes(noise);
        return noise;
    }

    /** What the disk has of it. */
    private static long allocated(Path file) throws Exception {
        Process stat = new ProcessBuilder("stat", "--format=%b", file.toString()).start();
        return Long.parseLong(new String(stat.getInputStream().readAllBytes()).trim()) * SECTOR;
    }

    /** Compares two files by the data of both: no hole is read. */
    private static void assertTheSame(Path one, Path other) throws IOException {
        assertThat(Files.size(other)).isEqualTo(Files.size(one));
        assertDataIsIn(one, other);
        assertDataIsIn(other, one);
    }

    private static void assertDataIsIn(Path one, Path other) throws IOException {
        long length = Files.size(one);
        try (SparseFile file = SparseFile.open(VolumePaths.bytes(one), length);
                FileChannel first = FileChannel.open(one);
                FileChannel second = FileChannel.open(other)) {
            for (long at = file.data(0); at < length; at = file.data(at)) {
                for (long end = file.hole(at); at < end; at = Math.min(end, at + WINDOW)) {
                    int some = (int) Math.min(WINDOW, end - at);
                    assertThat(bytes(second, at, some)).as("%s from byte %d on", other, at).isEqualTo(bytes(first, at, some));
                }
            }
        }
    }

    private static byte[] bytes(FileChannel channel, long at, int count) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(count);
        while (bytes.hasRemaining() && channel.read(bytes, at + bytes.position()) > 0) {
            continue;
        }
        return Arrays.copyOf(bytes.array(), bytes.position());
    }

    /** Where a file of a terabyte has its holes. */
    private enum Shape {
        HOLE_AT_THE_BEGIN,
        HOLE_IN_THE_MIDDLE,
        HOLE_AT_THE_END,
        MANY_HOLES,
        SMALL_HOLES,
        NO_DATA,
        ONE_BYTE_AT_THE_END
    }

    private void make(Path file, Shape shape) throws IOException {
        byte[] data = noise((int) MEBIBYTE + 17);
        switch (shape) {
            case HOLE_AT_THE_BEGIN -> write(file, TERABYTE + 5, data);
            case HOLE_IN_THE_MIDDLE -> {
                write(file, 0, data);
                write(file, TERABYTE, data);
            }
            case HOLE_AT_THE_END -> {
                write(file, 0, data);
                length(file, TERABYTE + 3);
            }
            case MANY_HOLES -> {
                for (long at = 0; at < 100; at++) {
                    write(file, at * (TERABYTE / 100) + at * 1000, noise(PAGE));
                }
            }
            case SMALL_HOLES -> {
                // Shorter than a window, as long as one, a little longer; the last one is at the end.
                long at = 0;
                for (int hole : new int[] {PAGE, 10 * PAGE, WINDOW - PAGE, WINDOW, WINDOW + PAGE, 2 * WINDOW, 3 * WINDOW - PAGE, PAGE}) {
                    write(file, at, noise(PAGE));
                    at += PAGE + hole;
                    length(file, at);
                }
            }
            case NO_DATA -> length(file, TERABYTE);
            case ONE_BYTE_AT_THE_END -> write(file, TERABYTE - 1, new byte[] {1});
        }
    }

    @ParameterizedTest
    @EnumSource
    void takesTheTimeAndTheRoomOfItsData(Shape shape) throws Exception {
        Path file = source.resolve("sparse");
        make(file, shape);
        long data = allocated(file);
        assertThat(data).as("the file system knows holes").isLessThan(2 * MEBIBYTE + 200_000);
        Image image = capture();
        // Each piece of data may have holes around it that are too short to be passed over.
        long pieces = shape == Shape.MANY_HOLES ? 100 : 8;
        assertThat(content).as("what was read while the job stood still").isBetween(Math.max(0, data - PAGE), data + pieces * WINDOW);
        assertThat(read).as("what the kernel says of it").isBetween(content, content + CLASSES);
        VolumeEntry entry = images.manifest(image.getId()).getVolumes(0).getEntries(1);
        assertThat(entry.getSize()).isEqualTo(Files.size(file));
        assertThat(entry.getChunks().getLengthsCount()).as("pieces of the list").isLessThan(1400);
        assertThat(Files.size(folder.resolve("store/images/j-aaaaaaaa/0000000001.manifest"))).isLessThan(64 << 10);
        restore(image, target);
        assertTheSame(file, target.resolve("sparse"));
        assertThat(written).isLessThanOrEqualTo(data);
        assertThat(allocated(target.resolve("sparse"))).as("room on the target's disk").isLessThanOrEqualTo(data + pieces * PAGE);
    }

    /** In memory, where the kernel's own code for it is another one. */
    @Test
    void takesTheRoomOfItsDataOnTmpfs() throws Exception {
        Path shared = Files.createTempDirectory(Path.of("/dev/shm"), "ferry-sparse");
        try {
            Path from = Files.createDirectory(shared.resolve("source"));
            for (Shape shape : Shape.values()) {
                make(from.resolve(shape.name()), shape);
            }
            Image image = capture(from, 1, Optional.empty(), Set.of());
            assertThat(content).isLessThan(16 * MEBIBYTE);
            assertThat(read).isBetween(content, content + CLASSES);
            Path to = shared.resolve("target");
            restore(image, to);
            for (Shape shape : Shape.values()) {
                assertTheSame(from.resolve(shape.name()), to.resolve(shape.name()));
                assertThat(allocated(to.resolve(shape.name()))).as("%s", shape).isLessThanOrEqualTo(allocated(from.resolve(shape.name())) + PAGE);
            }
        } finally {
            for (String made : List.of("source", "target", "")) {
                Path there = shared.resolve(made);
                if (Files.isDirectory(there)) {
                    try (var files = Files.list(there)) {
                        for (Path file : files.toList()) {
                            Files.delete(file);
                        }
                    }
                    Files.delete(there);
                }
            }
        }
    }

    /** They have room on the disk, and are read; they come back as holes. */
    @Test
    void zerosThatWereWrittenAreZeros() throws Exception {
        Path file = source.resolve("zeros");
        write(file, 0, noise(PAGE));
        write(file, PAGE, new byte[20 * WINDOW]);
        write(file, PAGE + 20L * WINDOW, noise(PAGE));
        assertThat(allocated(file)).isGreaterThan(20L * WINDOW);
        Image image = capture();
        assertThat(content).isEqualTo(Files.size(file));
        assertThat(image.getHoleBytes()).isZero();
        restore(image, target);
        assertThat(Files.mismatch(file, target.resolve("zeros"))).isEqualTo(-1);
        assertThat(allocated(target.resolve("zeros"))).isLessThanOrEqualTo(4L * PAGE);
    }

    /** One page of each window: windows are named whole, but a page of zeros takes no room when they come back. */
    @Test
    void aPageOfEachWindowTakesThisPage() throws Exception {
        Path file = source.resolve("pages");
        for (int window = 0; window < 32; window++) {
            write(file, (long) window * WINDOW + (long) (window % 64) * PAGE, noise(PAGE));
        }
        restore(capture(), target);
        assertTheSame(file, target.resolve("pages"));
        assertThat(written).isEqualTo(32L * PAGE);
        assertThat(allocated(target.resolve("pages"))).isLessThanOrEqualTo(allocated(file) + PAGE);
    }

    /** Written into a hole through a mapping, and in the kernel's memory only: nothing of it may be lost. */
    @Test
    void whatIsWrittenThroughAMappingIntoAHoleIsSeen() throws Exception {
        Path shared = Files.createTempFile(Path.of("/dev/shm"), "ferry-sparse", "");
        try {
            for (Path file : List.of(source.resolve("mapped"), shared)) {
                length(file, TERABYTE);
                long at = 700L << 30;
                try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
                    MappedByteBuffer mapping = channel.map(FileChannel.MapMode.READ_WRITE, at, 64 * MEBIBYTE);
                    for (int page : new int[] {0, 1, 4000, 16383}) {
                        mapping.put(page * PAGE + 5, (byte) (page + 1));
                    }
                    // Reading a page does not make it data.
                    assertThat(mapping.get(9000 * PAGE)).isZero();
                    try (SparseFile asked = SparseFile.open(VolumePaths.bytes(file), TERABYTE)) {
                        assertThat(asked.data(0)).as("on %s", file).isEqualTo(at);
                        assertThat(asked.data(at + 5000L * PAGE)).isLessThanOrEqualTo(at + 16383L * PAGE);
                    }
                }
            }
            long inode = FileFacts.of(source.resolve("mapped")).inode();
            Image image = capture(source, 1, Optional.empty(), Set.of(inode));
            assertThat(content).isLessThan(4 * MEBIBYTE);
            assertThat(read).isBetween(content, content + CLASSES);
            restore(image, target);
            assertTheSame(source.resolve("mapped"), target.resolve("mapped"));
            try (FileChannel restored = FileChannel.open(target.resolve("mapped"))) {
                assertThat(bytes(restored, (700L << 30) + 4000L * PAGE + 5, 1)).isEqualTo(new byte[] {(byte) 4001});
            }
        } finally {
            Files.delete(shared);
        }
    }

    /** Room that was taken ahead (fallocate) is a hole until something is written there, be it in memory only. */
    @Test
    void roomThatWasTakenAheadIsReadWhereItWasWritten() throws Exception {
        Path file = source.resolve("ahead");
        assertThat(new ProcessBuilder("fallocate", "-l", Long.toString(64 * MEBIBYTE), file.toString()).start().waitFor()).isZero();
        write(file, 30 * MEBIBYTE + 77, noise(100));
        Image image = capture();
        assertThat(content).isLessThan(MEBIBYTE);
        assertThat(read).isBetween(content, content + CLASSES);
        restore(image, target);
        assertThat(Files.mismatch(file, target.resolve("ahead"))).isEqualTo(-1);
    }

    @Test
    void anUnchangedFileIsNotLookedAt() throws Exception {
        Path file = source.resolve("sparse");
        make(file, Shape.HOLE_IN_THE_MIDDLE);
        long changed = FileFacts.of(file).changedNanos();
        await().atMost(Duration.ofSeconds(10)).until(() -> TimeUnit.MILLISECONDS.toNanos(System.currentTimeMillis()) > changed + 1_100_000_000L);
        Image first = capture();
        long wholly = read;
        Image second = capture(source, 2, Optional.of(first.getId()), Set.of());
        assertThat(wholly).isGreaterThan(2 * MEBIBYTE);
        assertThat(read).as("what the kernel says of it").isLessThan(MEBIBYTE);
        assertThat(second.getSentBytes()).isZero();
        restore(second, target);
        assertTheSame(file, target.resolve("sparse"));
    }

    /** A name that is no text, of a file that is written and made longer by its name. */
    @Test
    void anyNameWillDo() throws Exception {
        List<String> script = List.of("sh", "-c", "cd \"$0\" && truncate -s 5G \"$(printf 'caf\\351 %%41')\"", source.toString());
        assertThat(new ProcessBuilder(script).start().waitFor()).isZero();
        restore(capture(), target);
        Process difference = new ProcessBuilder("sh", "-c", "stat --format=%s,%b \"$0\"/caf*", target.toString()).start();
        assertThat(new String(difference.getInputStream().readAllBytes()).trim()).isEqualTo((5L << 30) + ",0");
    }
}
