package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.EntryKind;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.VolumeEntry;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ByteSource;
import dev.ferry.storage.DiskSpool;
import dev.ferry.storage.ImageReader;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.upkeep.Collector;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Images in any store: what is read is what was written, and what is damaged is named. */
abstract class ImagesContract {
    private static final int WINDOW = Images.WINDOW_BYTES;
    private static final int PAGE = 4096;
    private static final int BUFFERS = 8;
    private static final Collector.Terms AT_ONCE = new Collector.Terms(Duration.ZERO, Duration.ofHours(1));
    private static final String JOB = "j-aaaaaaaa";

    private final Random random = new Random(7);
    private final BufferPool buffers = new BufferPool(BUFFERS, WINDOW);
    private ObjectStore store;
    private Images images;

    abstract ObjectStore open() throws Exception;

    @BeforeEach
    void openStore() throws Exception {
        store = open();
        images = new Images(store);
    }

    @AfterEach
    void buffersAreBack() {
        assertThat(buffers.available()).isEqualTo(BUFFERS);
        store.close();
    }

    private byte[] noise(int bytes) {
        byte[] noise = new byte[bytes];
        random.nextBytes(noise);
        return noise;
    }

    private static String id(int sequence) {
        return JOB + "." + sequence;
    }

    /** In pieces of a length that fits nothing. */
    private void write(ByteSink sink, byte[] content, int piece) throws InterruptedException {
        try (sink) {
            for (int at = 0; at < content.length; at += piece) {
                sink.write(buffers.take().put(content, at, Math.min(piece, content.length - at)).flip());
            }
        }
    }

    private Image commit(String id, Optional<String> previous, byte[] content) throws InterruptedException {
        try (ImageWriter writer = images.write(id, previous, buffers)) {
            write(writer.file("pages-1.img"), content, 100_001);
            return writer.commit(Image.newBuilder().setJob(JOB).build());
        }
    }

    private static byte[] read(ByteSource source) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        try (source) {
            for (ByteBuffer piece = source.next(); piece != null; piece = source.next()) {
                byte[] bytes = new byte[piece.remaining()];
                piece.get(bytes);
                all.writeBytes(bytes);
            }
        }
        return all.toByteArray();
    }

    private byte[] read(String id, String file) {
        try (ImageReader reader = images.read(id)) {
            return read(reader.open(reader.file(file).orElseThrow().getChunks()));
        }
    }

    private static void assertRefused(ErrorCode code, String naming, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).as(refused.getMessage()).isEqualTo(code))
                .hasMessageContaining(naming);
    }

    @Test
    void everyLengthComesBack() throws Exception {
        int[] lengths = {0, 1, 4095, WINDOW - 1, WINDOW, WINDOW + 1, 3 * WINDOW, 3 * WINDOW + 17};
        List<byte[]> contents = Arrays.stream(lengths).mapToObj(this::noise).toList();
        try (ImageWriter writer = images.write(id(1), Optional.empty(), buffers)) {
            for (int i = 0; i < lengths.length; i++) {
                write(writer.file("file-" + i), contents.get(i), 1 + random.nextInt(WINDOW));
            }
            writer.spec(JobSpec.newBuilder().setName("of the test").build());
            Image image = writer.commit(Image.newBuilder().setJob(JOB).setIncarnation(3).build());
            assertThat(image.getBytes()).isEqualTo(Arrays.stream(lengths).sum());
        }
        for (int i = 0; i < lengths.length; i++) {
            assertThat(read(id(1), "file-" + i)).as("length %d", lengths[i]).isEqualTo(contents.get(i));
        }
        assertThat(images.manifest(id(1)).getImage().getIncarnation()).isEqualTo(3);
        assertThat(images.manifest(id(1)).getSpec().getName()).isEqualTo("of the test");
    }

    @Test
    void manyRunsAtOnceNeedNoMoreBuffersThanThereAre() throws Exception {
        int runs = 3 * BUFFERS;
        List<byte[]> contents = IntStream.range(0, runs).mapToObj(run -> noise(2 * WINDOW + run)).toList();
        try (ImageWriter writer = images.write(id(1), Optional.empty(), buffers);
                ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<Boolean>> writers =
                    IntStream.range(0, runs)
                            .mapToObj(
                                    run -> {
                                        ByteSink sink = writer.file("file-" + run);
                                        return threads.submit(
                                                () -> {
                                                    write(sink, contents.get(run), 70_000);
                                                    return true;
                                                });
                                    })
                            .toList();
            for (Future<Boolean> each : writers) {
                assertThat(each.get()).isTrue();
            }
            Image ignored = writer.commit(Image.getDefaultInstance());
        }
        for (int run = 0; run < runs; run++) {
            assertThat(read(id(1), "file-" + run)).isEqualTo(contents.get(run));
        }
    }

    @Test
    void zerosCostNothing() throws Exception {
        byte[] content = new byte[5 * WINDOW + 99];
        Image image = commit(id(1), Optional.empty(), content);
        assertThat(image.getZeroBytes()).isEqualTo(content.length);
        assertThat(image.getSentBytes()).isZero();
        assertThat(read(id(1), "pages-1.img")).isEqualTo(content);
    }

    @Test
    void whatThePreviousImageHasIsNotSentAgain() throws Exception {
        byte[] content = noise(8 * WINDOW);
        Image first = commit(id(1), Optional.empty(), content);
        content[3 * WINDOW + 5]++;
        Image second = commit(id(2), Optional.of(id(1)), content);
        assertThat(first.getKnownChunks()).isZero();
        assertThat(second.getKnownChunks()).isBetween(second.getChunks() - 2, second.getChunks() - 1);
        assertThat(second.getSentBytes()).isBetween(1L, 2L * PageCutter.MOST_BYTES);
        assertThat(read(id(2), "pages-1.img")).isEqualTo(content);
    }

    @Test
    void theSameWindowTwiceIsSentOnce() throws Exception {
        byte[] window = noise(WINDOW);
        byte[] content = new byte[6 * WINDOW];
        for (int i = 0; i < 6; i++) {
            System.arraycopy(window, 0, content, i * WINDOW, WINDOW);
        }
        try (ImageWriter writer = images.write(id(1), Optional.empty(), buffers)) {
            write(writer.file("other.img"), content, 100_001);
            assertThat(writer.commit(Image.getDefaultInstance()).getSentBytes()).isLessThanOrEqualTo(WINDOW);
        }
        assertThat(read(id(1), "other.img")).isEqualTo(content);
    }

    @Test
    void filesOfVolumesComeBackFromAnyOffset() throws Exception {
        byte[] log = noise(2 * WINDOW + 1000);
        VolumeEntry entry = VolumeEntry.newBuilder().setPath(ByteString.copyFromUtf8("output")).setKind(EntryKind.REGULAR).setMode(0644).build();
        VolumeEntry folder = VolumeEntry.newBuilder().setPath(ByteString.EMPTY).setKind(EntryKind.DIRECTORY).build();
        try (ImageWriter writer = images.write(id(1), Optional.empty(), buffers)) {
            writer.entry("log", folder);
            write(writer.regular("log", entry), log, 100_000);
            Image ignored = writer.commit(Image.getDefaultInstance());
        }
        for (long offset : List.of(0L, 1L, (long) WINDOW, WINDOW + 7L, log.length - 1L, (long) log.length, log.length + 5L)) {
            byte[] tail = Arrays.copyOfRange(log, (int) Math.min(offset, log.length), log.length);
            assertThat(read(images.openVolumeFile(id(1), "log", "output", offset).orElseThrow())).as("from %d", offset).isEqualTo(tail);
        }
        assertThat(images.openVolumeFile(id(1), "log", "other", 0)).isEmpty();
        VolumeEntry before = images.manifest(id(1)).getVolumes(0).getEntries(1);
        try (ImageWriter writer = images.write(id(2), Optional.of(id(1)), buffers)) {
            writer.unchanged("log", before);
            assertThat(writer.commit(Image.getDefaultInstance()).getSentBytes()).isZero();
        }
        assertThat(read(images.openVolumeFile(id(2), "log", "output", 0).orElseThrow())).isEqualTo(log);
    }

    @Test
    void whatWasCopiedAheadIsNotSentAgainAndIsNoImage() throws Exception {
        byte[] content = noise(12 * WINDOW);
        Image round = preCopy(id(1), content);
        assertThat(round.getKnownChunks()).isZero();
        assertThat(images.list(Optional.empty())).isEmpty();
        assertRefused(ErrorCode.IMAGE_NOT_FOUND, id(1), () -> images.read(id(1)));
        content[3 * WINDOW + 5]++;
        assertThat(preCopy(id(1), content).getSentBytes()).as("a later round knows the one before").isBetween(1L, 2L * PageCutter.MOST_BYTES);
        content[9 * WINDOW + 5]++;
        assertThat(images.collect(new Collector.Terms(Duration.ZERO, Duration.ofDays(1)), false).getFreedPacks()).as("packs of open rounds stay").isZero();
        try (ImageWriter writer = images.writePreCopied(id(1), Optional.empty(), buffers)) {
            write(writer.file("pages-1.img"), content, WINDOW);
            assertThat(writer.commit(Image.newBuilder().setJob(JOB).build()).getSentBytes()).isBetween(1L, 2L * PageCutter.MOST_BYTES);
        }
        images.releasePreCopy(id(1));
        Object ignored = images.collect(new Collector.Terms(Duration.ZERO, Duration.ofDays(1)), false);
        assertThat(read(id(1), "pages-1.img")).isEqualTo(content);
        assertThat(store.list("precopy/")).isEmpty();
        assertThat(store.list("holds/")).isEmpty();
    }

    private Image preCopy(String id, byte[] content) throws Exception {
        try (ImageWriter writer = images.preCopy(id, Optional.empty(), buffers)) {
            write(writer.file("pages-of-7"), content, WINDOW);
            return writer.commit(Image.newBuilder().setJob(JOB).build());
        }
    }

    /** Of a job that goes on here, as after a checkpoint. */
    private ImageWriter goingOn(Images here, String id, Optional<String> previous, byte[] content) throws InterruptedException {
        ImageWriter writer = here.write(id, previous, buffers);
        writer.sourceStandsStill(true);
        writer.sourceStandsStill(false);
        write(writer.file("pages-1.img"), content, 100_001);
        write(writer.file("other.img"), Arrays.copyOf(content, 3 * WINDOW + 11), 70_001);
        return writer;
    }

    @Test
    void whatDidNotChangeIsRecognisedAndNamedAsItWouldBe() throws Exception {
        byte[] content = noise(12 * WINDOW);
        Arrays.fill(content, 5 * WINDOW, 7 * WINDOW, (byte) 0);
        try (ImageWriter writer = goingOn(images, id(1), Optional.empty(), content)) {
            Image ignored = writer.commit(Image.getDefaultInstance());
        }
        content[3 * WINDOW + 5]++;
        try (ImageWriter writer = goingOn(images, id(2), Optional.of(id(1)), content)) {
            Image second = writer.commit(Image.getDefaultInstance());
            // Of the pages one window has changed, or two where they are cut, and of the other file the last one.
            long all = second.getBytes() - second.getZeroBytes();
            assertThat(writer.recognisedBytes()).isBetween(all - 2L * PageCutter.MOST_BYTES - 11, all - 11 - 32L * PAGE);
            assertThat(second.getKnownChunks()).isBetween(second.getChunks() - 3, second.getChunks() - 1);
        }
        try (ImageWriter writer = goingOn(new Images(store), "j-bbbbbbbb.1", Optional.empty(), content)) {
            Image plain = writer.commit(Image.getDefaultInstance());
            assertThat(plain.getKnownChunks()).isLessThan(plain.getChunks());
        }
        for (int file = 0; file < 2; file++) {
            ChunkList recognised = images.manifest(id(2)).getFiles(file).getChunks();
            ChunkList plain = images.manifest("j-bbbbbbbb.1").getFiles(file).getChunks();
            assertThat(recognised.getHashes()).isEqualTo(plain.getHashes());
            assertThat(recognised.getChecks()).isEqualTo(plain.getChecks());
            assertThat(recognised.getLengthsList()).isEqualTo(plain.getLengthsList());
        }
        assertThat(read(id(2), "pages-1.img")).isEqualTo(content);
    }

    /** That a window is recognised says nothing of the store. */
    @Test
    void whatIsRecognisedAndNotInPacksThatMayBeUsedIsStoredAgain() throws Exception {
        byte[] content = noise(8 * WINDOW);
        try (ImageWriter writer = goingOn(images, id(1), Optional.empty(), content)) {
            Image ignored = writer.commit(Image.getDefaultInstance());
        }
        assertThat(images.delete(id(1), AT_ONCE).getFreedPacks()).isPositive();
        try (ImageWriter writer = goingOn(images, id(2), Optional.of(id(1)), content)) {
            Image second = writer.commit(Image.getDefaultInstance());
            assertThat(writer.recognisedBytes()).isEqualTo(second.getBytes());
            assertThat(second.getSentBytes()).isGreaterThanOrEqualTo(content.length);
        }
        assertThat(read(id(2), "pages-1.img")).isEqualTo(content);
        assertThat(images.verify(id(2)).damage()).isEmpty();
    }

    @Test
    void theDumpRecognisesWhatWasCopiedAhead() throws Exception {
        byte[] content = noise(12 * WINDOW);
        Image round = preCopy(id(1), content);
        assertThat(round.getKnownChunks()).isZero();
        content[3 * WINDOW + 5]++;
        try (ImageWriter writer = images.writePreCopied(id(1), Optional.empty(), buffers)) {
            write(writer.file("pages-1.img"), content, WINDOW);
            assertThat(writer.commit(Image.getDefaultInstance()).getSentBytes()).isBetween(1L, 2L * PageCutter.MOST_BYTES);
            assertThat(writer.recognisedBytes()).isBetween(content.length - 3L * PageCutter.MOST_BYTES, content.length - 1L);
        }
        assertThat(read(id(1), "pages-1.img")).isEqualTo(content);
    }

    @Test
    void chunksThatWereHereBeforeAreReadWithoutTheStore(@TempDir Path folder) throws Exception {
        byte[] content = noise(12 * WINDOW);
        Image ignored = commit(id(1), Optional.empty(), content);
        try (ChunkCache cache = ChunkCache.open(folder, 64 << 20)) {
            Images here = new Images(store, () -> {}, Optional.of(cache));
            assertThat(readWith(here)).isEqualTo(content);
            store.list("packs/").forEach(store::delete);
            assertThat(readWith(here)).isEqualTo(content);
        }
    }

    @Test
    void aDamagedChunkOfTheCacheIsFetchedAgain(@TempDir Path folder) throws Exception {
        byte[] content = noise(12 * WINDOW);
        Image ignored = commit(id(1), Optional.empty(), content);
        try (ChunkCache cache = ChunkCache.open(folder, 64 << 20)) {
            Images here = new Images(store, () -> {}, Optional.of(cache));
            assertThat(readWith(here)).isEqualTo(content);
            Path segment = folder.resolve("1.chunks");
            byte[] bytes = java.nio.file.Files.readAllBytes(segment);
            bytes[5 * WINDOW] ^= 1;
            java.nio.file.Files.write(segment, bytes);
            assertThat(readWith(here)).isEqualTo(content);
        }
    }

    /** Fetches ahead, as a restore does. */
    private byte[] readWith(Images here) {
        try (ImageReader reader = here.read(id(1))) {
            reader.prefetch();
            return read(reader.open(reader.file("pages-1.img").orElseThrow().getChunks()));
        }
    }

    @Test
    void whileTheStoreStandsStillBytesWaitOnTheDisk(@TempDir Path folder) throws Exception {
        // More than fits into the buffers and into the packs that may wait.
        byte[] content = noise(320 * WINDOW);
        CountDownLatch goOn = new CountDownLatch(1);
        ObjectStore standing = new HeldStore(store, goOn);
        try (DiskSpool disk = new DiskSpool(folder, content.length, WINDOW)) {
            BufferPool few = new BufferPool(BUFFERS, WINDOW, disk);
            try (ImageWriter writer = new Images(standing).write(id(1), Optional.empty(), few)) {
                try (ByteSink sink = writer.file("pages-1.img")) {
                    for (int at = 0; at < content.length; at += WINDOW) {
                        ByteBuffer buffer = few.take(20, TimeUnit.SECONDS);
                        assertThat(buffer).as("a buffer is free though nothing is sent").isNotNull();
                        sink.write(buffer.put(content, at, WINDOW).flip());
                    }
                }
                assertThat(writer.bytesIn()).as("what waits is counted").isEqualTo(content.length);
                assertThat(writer.bytesSent()).isZero();
                assertThat(writer.spooled().diskBytes()).isPositive();
                assertThat(writer.spooled().diskBytes() + writer.spooled().memoryBytes()).isEqualTo(content.length);
                goOn.countDown();
                Image ignored = writer.commit(Image.getDefaultInstance());
            }
            assertThat(few.available()).isEqualTo(BUFFERS);
            assertThat(disk.freeBytes()).isEqualTo(content.length);
        }
        assertThat(read(id(1), "pages-1.img")).isEqualTo(content);
    }

    @Test
    void anImageThatIsGivenUpLeavesNothingInTheSpool(@TempDir Path folder) throws Exception {
        byte[] content = noise(320 * WINDOW);
        CountDownLatch goOn = new CountDownLatch(1);
        HeldStore held = new HeldStore(store, goOn);
        try (DiskSpool disk = new DiskSpool(folder, content.length, WINDOW)) {
            BufferPool few = new BufferPool(BUFFERS, WINDOW, disk);
            try (ImageWriter writer = new Images(held).write(id(1), Optional.empty(), few)) {
                try (ByteSink sink = writer.file("pages-1.img")) {
                    for (int at = 0; at < content.length; at += WINDOW) {
                        sink.write(few.take().put(content, at, WINDOW).flip());
                    }
                }
                goOn.countDown();
            }
            assertThat(few.available()).isEqualTo(BUFFERS);
            assertThat(disk.freeBytes()).isEqualTo(content.length);
            // A pack that was being sent gets to its end, beside whatever follows: not while the store's folder is removed.
            await().atMost(20, TimeUnit.SECONDS).until(() -> held.underWay() == 0);
        }
    }

    @Test
    void anImageThatWasNotCommittedIsNot() throws Exception {
        try (ImageWriter writer = images.write(id(1), Optional.empty(), buffers)) {
            write(writer.file("pages-1.img"), noise(3 * WINDOW), WINDOW);
        }
        assertThat(images.list(Optional.empty())).isEmpty();
        assertRefused(ErrorCode.IMAGE_NOT_FOUND, id(1), () -> images.read(id(1)));
    }

    @Test
    void anOpenRunPreventsTheCommit() throws Exception {
        try (ImageWriter writer = images.write(id(1), Optional.empty(), buffers)) {
            ByteSink open = writer.file("pages-1.img");
            open.write(buffers.take().put(noise(10)).flip());
            assertRefused(ErrorCode.INTERNAL, id(1), () -> writer.commit(Image.getDefaultInstance()));
        }
        assertThat(images.list(Optional.empty())).isEmpty();
    }

    @Test
    void anIdIsTakenOnce() throws Exception {
        byte[] content = noise(WINDOW);
        Image ignored = commit(id(1), Optional.empty(), content);
        assertRefused(ErrorCode.OBJECT_EXISTS, "manifest", () -> commit(id(1), Optional.empty(), noise(WINDOW)));
        assertThat(read(id(1), "pages-1.img")).isEqualTo(content);
    }

    @Test
    void aStoreThatFailsAPackFailsTheImageAndGivesAllBuffersBack() {
        for (ErrorCode code : List.of(ErrorCode.STORE_FULL, ErrorCode.STORE_UNREACHABLE)) {
            Images failing = new Images(new FaultyStore(store, key -> key.startsWith("packs/"), code));
            // More than the packs that may wait, so that the writer meets the failure in the middle.
            byte[] window = noise(WINDOW);
            assertRefused(
                    code,
                    "packs/" + JOB,
                    () -> {
                        try (ImageWriter writer = failing.write(id(1), Optional.empty(), buffers)) {
                            try (ByteSink sink = writer.file("pages-1.img")) {
                                for (int i = 0; i < 600; i++) {
                                    window[i]++;
                                    sink.write(buffers.take().put(window).flip());
                                }
                            }
                            Image ignored = writer.commit(Image.getDefaultInstance());
                        }
                    });
            assertThat(buffers.available()).isEqualTo(BUFFERS);
        }
        assertThat(images.list(Optional.empty())).isEmpty();
    }

    /** A job may stand still until then: it goes on at its deadline, whatever becomes of the store. */
    @Test
    @Timeout(60)
    void aCommitAndItsEndHaveADeadline() throws Exception {
        CountDownLatch goOn = new CountDownLatch(1);
        HeldStore blocked = new HeldStore(store, goOn);
        try {
            Images held = new Images(blocked);
            assertRefused(
                    ErrorCode.DUMP_TIMEOUT,
                    id(1),
                    () -> {
                        try (ImageWriter writer = held.write(id(1), Optional.empty(), buffers)) {
                            write(writer.file("pages-1.img"), noise(4 * WINDOW), WINDOW);
                            Image ignored = writer.commit(Image.getDefaultInstance(), Duration.ofMillis(200));
                        }
                    });
            assertThat(buffers.available()).isEqualTo(BUFFERS);
        } finally {
            goOn.countDown();
            await().until(() -> blocked.underWay() == 0);
        }
        assertThat(images.list(Optional.empty())).isEmpty();
    }

    @Test
    void whoWritesToAnImageThatHasFailedIsTold() throws Exception {
        try (ImageWriter writer = images.write(id(1), Optional.empty(), buffers)) {
            writer.fail(new FerryException(ErrorCode.CANCELLED, "the dump has failed"));
            assertRefused(ErrorCode.CANCELLED, "dump", () -> write(writer.file("pages-1.img"), noise(WINDOW), WINDOW));
            assertRefused(ErrorCode.CANCELLED, "dump", () -> writer.entry("tmp", VolumeEntry.getDefaultInstance()));
            assertRefused(ErrorCode.CANCELLED, "dump", () -> writer.commit(Image.getDefaultInstance()));
        }
        assertThat(buffers.available()).isEqualTo(BUFFERS);
    }

    @Test
    void aStoreThatFailsTheManifestLeavesNoImage() {
        Images failing = new Images(new FaultyStore(store, key -> key.startsWith("images/"), ErrorCode.STORE_FULL));
        assertRefused(
                ErrorCode.STORE_FULL,
                "images/",
                () -> {
                    try (ImageWriter writer = failing.write(id(1), Optional.empty(), buffers)) {
                        write(writer.file("pages-1.img"), noise(WINDOW), WINDOW);
                        Image ignored = writer.commit(Image.getDefaultInstance());
                    }
                });
        assertThat(images.list(Optional.empty())).isEmpty();
    }

    @Test
    void aDamagedChunkIsNamedWhenItIsReadAndWhenItIsVerified() throws Exception {
        Image ignored = commit(id(1), Optional.empty(), noise(4 * WINDOW));
        assertThat(images.verify(id(1)).damage()).isEmpty();
        ChunkList chunks = images.manifest(id(1)).getFiles(0).getChunks();
        String pack = images.manifest(id(1)).getPacks(0);
        byte[] content = store.get(pack).orElseThrow();
        content[(int) chunks.getOffset(2) + 1000]++;
        store.put(pack, ByteBuffer.wrap(content));
        String name = ChunkName.of(chunks.getHashes(), 2).toString();
        assertRefused(ErrorCode.CHUNK_CORRUPT, name, () -> read(id(1), "pages-1.img"));
        assertRefused(ErrorCode.CHUNK_CORRUPT, pack, () -> read(id(1), "pages-1.img"));
        assertThat(images.verify(id(1)).damage()).singleElement().asString().contains(name);
    }

    @Test
    void pagesThatComeAndGoCostOnlyTheWindowsAroundThem() throws Exception {
        byte[] content = noise(1024 * PAGE);
        Image first = commit(id(1), Optional.empty(), content);
        ByteArrayOutputStream moved = new ByteArrayOutputStream();
        moved.writeBytes(noise(PAGE));
        moved.write(content, 0, 500 * PAGE);
        moved.write(content, 501 * PAGE, 523 * PAGE);
        Image second = commit(id(2), Optional.of(id(1)), moved.toByteArray());
        assertThat(first.getSentBytes()).isGreaterThanOrEqualTo(content.length);
        assertThat(second.getSentBytes()).isLessThan(6L * PageCutter.MOST_BYTES);
        assertThat(read(id(2), "pages-1.img")).isEqualTo(moved.toByteArray());
    }

    @Test
    void memoryThatWasFilledBeforeAForkIsSentOnce() throws Exception {
        byte[] content = noise(1024 * PAGE);
        try (ImageWriter writer = images.write(id(1), Optional.empty(), buffers)) {
            write(writer.file("pages-1.img"), content, 200_000);
            // The child has a few pages of its own before them.
            byte[] child = Arrays.copyOf(noise(7 * PAGE), 7 * PAGE + content.length);
            System.arraycopy(content, 0, child, 7 * PAGE, content.length);
            write(writer.file("pages-2.img"), child, 200_000);
            Image image = writer.commit(Image.getDefaultInstance());
            assertThat(image.getSentBytes()).isLessThan(content.length + 3L * PageCutter.MOST_BYTES);
            assertThat(image.getMemoryBytes()).isEqualTo(2L * content.length + 7 * PAGE);
        }
    }

    @Test
    void zeroPagesBetweenOthersCostNothingAndComeBack() throws Exception {
        byte[] content = noise(400 * PAGE + 77);
        for (int[] zeros : new int[][] {{3, 4}, {10, 25}, {100, 116}, {200, 215}, {300, 399}}) {
            Arrays.fill(content, zeros[0] * PAGE, zeros[1] * PAGE, (byte) 0);
        }
        // A page that only begins with zeros, behind a run of them.
        Arrays.fill(content, 399 * PAGE, 399 * PAGE + 4000, (byte) 0);
        Image image = commit(id(1), Optional.empty(), content);
        assertThat(image.getZeroBytes()).isEqualTo((16 + 99) * (long) PAGE);
        assertThat(image.getSentBytes()).isLessThan(content.length - (16L + 99 + 14) * PAGE);
        assertThat(read(id(1), "pages-1.img")).isEqualTo(content);
    }

    @Test
    void anyByteThatIsChangedIsFoundBeforeTheImageIsUsed() throws Exception {
        byte[] content = noise(3 * PAGE);
        VolumeEntry entry = VolumeEntry.newBuilder().setPath(ByteString.copyFromUtf8("log")).setKind(EntryKind.REGULAR).build();
        try (ImageWriter writer = images.write(id(1), Optional.empty(), buffers)) {
            write(writer.file("pages-1.img"), content, 5000);
            write(writer.regular("log", entry), noise(100), 100);
            Image ignored = writer.commit(Image.newBuilder().setJob(JOB).build());
        }
        for (String key : store.list("")) {
            byte[] object = store.get(key).orElseThrow();
            for (int at = 0; at < object.length; at += key.startsWith("packs/") ? 41 : 1) {
                byte[] damaged = object.clone();
                damaged[at] ^= (byte) (1 << random.nextInt(8));
                store.put(key, ByteBuffer.wrap(damaged));
                assertThat(isDamaged()).as("byte %d of %s", at, key).isTrue();
            }
            store.put(key, ByteBuffer.wrap(object));
        }
        assertThat(isDamaged()).isFalse();
    }

    private boolean isDamaged() {
        try {
            return !images.verify(id(1)).damage().isEmpty();
        } catch (FerryException refused) {
            assertThat(refused.code()).as(refused.getMessage()).isIn(ErrorCode.MANIFEST_CORRUPT, ErrorCode.FORMAT_UNKNOWN);
            return true;
        }
    }

    @Test
    void aDamagedCompressedChunkIsNamed() throws Exception {
        byte[] text = new byte[WINDOW];
        for (int at = 0; at < text.length; at++) {
            text[at] = (byte) (at / 100);
        }
        Image ignored = commit(id(1), Optional.empty(), text);
        String pack = images.manifest(id(1)).getPacks(0);
        byte[] content = store.get(pack).orElseThrow();
        assertThat(content.length).isLessThan(WINDOW / 10);
        for (int at = 0; at < content.length; at += 97) {
            byte[] damaged = content.clone();
            damaged[at] ^= 0x10;
            store.put(pack, ByteBuffer.wrap(damaged));
            // A bit of the frame's header may carry no meaning: then the bytes are right.
            List<String> damage = images.verify(id(1)).damage();
            assertThat(damage.size()).isLessThanOrEqualTo(1);
            if (damage.isEmpty()) {
                assertThat(read(id(1), "pages-1.img")).isEqualTo(text);
            }
        }
    }

    @Test
    void aPackThatIsGoneIsNamed() throws Exception {
        Image ignored = commit(id(1), Optional.empty(), noise(WINDOW));
        String pack = images.manifest(id(1)).getPacks(0);
        assertThat(store.delete(pack)).isPositive();
        assertRefused(ErrorCode.CHUNK_MISSING, pack, () -> read(id(1), "pages-1.img"));
        assertThat(images.verify(id(1)).damage()).hasSize(1);
    }

    @Test
    void aManifestThatWasTouchedIsRefused() throws Exception {
        Image ignored = commit(id(1), Optional.empty(), noise(10));
        String key = Keys.manifest(id(1));
        byte[] manifest = store.get(key).orElseThrow();
        for (int at : List.of(0, 10, manifest.length - 1)) {
            byte[] damaged = manifest.clone();
            damaged[at]++;
            store.put(key, ByteBuffer.wrap(damaged));
            assertRefused(ErrorCode.MANIFEST_CORRUPT, id(1), () -> images.read(id(1)));
        }
        store.put(key, ByteBuffer.wrap(Arrays.copyOf(manifest, 20)));
        assertRefused(ErrorCode.MANIFEST_CORRUPT, id(1), () -> images.read(id(1)));
    }

    @Test
    void aPreviousImageThatCantBeReadCostsOnlyTheSaving() throws Exception {
        byte[] content = noise(2 * WINDOW);
        Image ignored = commit(id(1), Optional.empty(), content);
        store.put(Keys.manifest(id(1)), ByteBuffer.wrap(new byte[100]));
        assertThat(commit(id(2), Optional.of(id(1)), content).getKnownChunks()).isZero();
        assertThat(read(id(2), "pages-1.img")).isEqualTo(content);
    }

    @Test
    void deletingKeepsWhatOtherImagesUse() throws Exception {
        byte[] content = noise(4 * WINDOW);
        Image first = commit(id(1), Optional.empty(), content);
        content[0]++;
        Image second = commit(id(2), Optional.of(id(1)), content);
        assertThat(images.delete(id(1), AT_ONCE).getFreedBytes()).isLessThan(first.getSentBytes());
        assertRefused(ErrorCode.IMAGE_NOT_FOUND, id(1), () -> images.delete(id(1), AT_ONCE));
        assertThat(read(id(2), "pages-1.img")).isEqualTo(content);
        assertThat(images.delete(id(2), AT_ONCE).getFreedBytes()).isGreaterThan(first.getSentBytes() + second.getSentBytes());
        assertThat(store.list("")).isEmpty();
    }

    @Test
    void aDumpWhosePreviousImageIsDeletedMeanwhileLosesNothing() throws Exception {
        byte[] content = noise(4 * WINDOW);
        Image first = commit(id(1), Optional.empty(), content);
        try (ImageWriter writer = images.write(id(2), Optional.of(id(1)), buffers)) {
            write(writer.file("pages-1.img"), content, 100_001);
            assertThat(images.delete(id(1), AT_ONCE).getFreedPacks()).isZero();
            assertThat(writer.commit(Image.getDefaultInstance()).getSentBytes()).isZero();
        }
        assertThat(read(id(2), "pages-1.img")).isEqualTo(content);
        assertThat(images.collect(AT_ONCE, false).getFreedPacks()).isZero();
        assertThat(images.delete(id(2), AT_ONCE).getFreedBytes()).isGreaterThan(first.getSentBytes());
        assertThat(store.list("")).isEmpty();
    }

    @Test
    void aDumpThatWasGivenUpCanNotBecomeWhole() throws Exception {
        try (ImageWriter writer = images.write(id(1), Optional.empty(), buffers)) {
            write(writer.file("pages-1.img"), noise(WINDOW), WINDOW);
            assertThat(images.collect(new Collector.Terms(Duration.ZERO, Duration.ofMillis(-1)), false).getGivenUpList()).containsExactly(id(1));
            assertRefused(ErrorCode.CANCELLED, id(1), () -> writer.commit(Image.getDefaultInstance()));
        }
        assertThat(images.list(Optional.empty())).isEmpty();
        assertRefused(ErrorCode.IMAGE_NOT_FOUND, id(1), () -> images.read(id(1)));
        assertThat(images.collect(AT_ONCE, false).getFreedPacks()).isEqualTo(1);
        assertThat(store.list("packs/")).isEmpty();
    }

    @Test
    void aDamagedManifestStopsTheCollectionUntilItsImageIsDeleted() throws Exception {
        Image ignored = commit(id(1), Optional.empty(), noise(WINDOW));
        byte[] manifest = store.get(Keys.manifest(id(1))).orElseThrow();
        manifest[manifest.length - 1]++;
        store.put(Keys.manifest(id(1)), ByteBuffer.wrap(manifest));
        assertRefused(ErrorCode.MANIFEST_CORRUPT, id(1), () -> images.collect(AT_ONCE, false));
        assertThat(store.list("packs/")).hasSize(1);
        assertThat(images.delete(id(1), AT_ONCE).getFreedPacks()).isEqualTo(1);
        assertThat(store.list("")).isEmpty();
    }

    @Test
    void whatIsCondemnedWaitsForItsGraceAndIsNotCountedOn() throws Exception {
        byte[] content = noise(2 * WINDOW);
        Image ignored = commit(id(1), Optional.empty(), content);
        Collector.Terms later = new Collector.Terms(Duration.ofHours(1), Duration.ofHours(1));
        String pack = images.manifest(id(1)).getPacks(0);
        assertThat(images.collect(later, true).getCondemnedPacks()).isZero();
        byte[] manifest = store.get(Keys.manifest(id(1))).orElseThrow();
        assertThat(images.delete(id(1), later).getCondemnedPacks()).isEqualTo(1);
        assertThat(store.list("packs/")).containsExactly(pack);
        // An image that names the pack comes back, as a listing that was old would have had it: nothing is lost, but it is not counted on any more.
        store.create(Keys.manifest(id(1)), ByteBuffer.wrap(manifest));
        assertThat(images.collect(AT_ONCE, false).getFreedPacks()).isZero();
        assertThat(commit(id(2), Optional.of(id(1)), content).getKnownChunks()).isZero();
        assertThat(images.delete(id(1), AT_ONCE).getFreedPacks()).isEqualTo(1);
        assertThat(store.list("packs/")).doesNotContain(pack);
        assertThat(read(id(2), "pages-1.img")).isEqualTo(content);
    }

    @Test
    void imagesAreListedByJob() throws Exception {
        Image ignored = commit(id(10), Optional.empty(), noise(1));
        Image ignoredToo = commit(id(2), Optional.empty(), noise(1));
        Image other = commit("j-bbbbbbbb.1", Optional.empty(), noise(1));
        assertThat(images.list(Optional.of(JOB))).extracting(Image::getId).containsExactly(id(2), id(10));
        assertThat(images.list(Optional.empty())).extracting(Image::getId).containsExactly(id(2), id(10), other.getId());
    }
}
