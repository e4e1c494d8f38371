package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import dev.ferry.common.FerryException;
import dev.ferry.common.testing.Mutations;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.EntryKind;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.VolumeEntry;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ByteSource;
import dev.ferry.storage.ImageReader;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.object.MemoryStore;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An image as a file: what was written comes back in another store, and whatever else is there is refused by the byte. */
class ImageFileTest {
    private static final int WINDOW = Images.WINDOW_BYTES;
    private static final String SOURCE = "j-aaaaaaaa.3";
    private static final String TARGET = "j-bbbbbbbb.1";
    private static final int SEEDS = 300;
    private static final int FORGED = 2000;

    private final BufferPool buffers = new BufferPool(8, WINDOW);
    private final MemoryStore store = new MemoryStore();
    private final Images images = new Images(store);
    private final byte[] memory = new byte[5 * WINDOW + 4096];
    private final byte[] log = "step 0\nstep 1\n".getBytes(java.nio.charset.StandardCharsets.UTF_8);
    private byte[] file = {};

    @BeforeEach
    void export() throws Exception {
        Random noise = new Random(3);
        byte[] window = new byte[WINDOW];
        noise.nextBytes(window);
        // Noise twice, text, zeros.
        System.arraycopy(window, 0, memory, 0, WINDOW);
        System.arraycopy(window, 0, memory, WINDOW, WINDOW);
        Arrays.fill(memory, 2 * WINDOW, 3 * WINDOW, (byte) 'x');
        try (ImageWriter writer = images.write(SOURCE, Optional.empty(), buffers)) {
            write(writer.file("inventory.img"), memory);
            write(writer.file("pages-1.img"), memory);
            writer.entry("log", VolumeEntry.newBuilder().setKind(EntryKind.DIRECTORY).build());
            write(writer.regular("log", VolumeEntry.newBuilder().setKind(EntryKind.REGULAR).setPath(ByteString.copyFromUtf8("output.log")).build()), log);
            writer.spec(JobSpec.newBuilder().setName("train").build());
            Image ignored = writer.commit(Image.newBuilder().setJob("j-aaaaaaaa").setLogBytes(log.length).build());
        }
        ByteArrayOutputStream to = new ByteArrayOutputStream();
        long bytes = images.exportFile(SOURCE, to);
        file = to.toByteArray();
        assertThat(bytes).isEqualTo(file.length);
    }

    private void write(ByteSink sink, byte[] content) throws InterruptedException {
        try (sink) {
            for (int at = 0; at < content.length; at += WINDOW) {
                sink.write(buffers.take().put(content, at, Math.min(WINDOW, content.length - at)).flip());
            }
        }
    }

    private static byte[] read(ImageReader reader, String name) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        try (ByteSource source = reader.open(reader.file(name).orElseThrow().getChunks())) {
            for (ByteBuffer piece = source.next(); piece != null; piece = source.next()) {
                byte[] bytes = new byte[piece.remaining()];
                piece.get(bytes);
                all.writeBytes(bytes);
            }
        }
        return all.toByteArray();
    }

    private static ImageFile open(byte[] content) throws IOException {
        return ImageFile.open(new ByteArrayInputStream(content), "x.ferry", Long.MAX_VALUE);
    }

    private static Image take(byte[] content, Images into) throws IOException {
        ImageFile opened = open(content);
        return into.importFile(opened, TARGET, opened.manifest().getImage().toBuilder().setJob("j-bbbbbbbb").setIncarnation(1).build(), JobSpec.newBuilder().setName("other").build());
    }

    /** Who stops taking leaves chunks that are on their way: their memory has to come back, or in time there is none outside the heap. */
    @Test
    void whoStopsInTheMiddleKeepsNoMemory() {
        Manifest manifest = images.manifest(SOURCE);
        ChunkList chunks = manifest.getFiles(0).getChunks();
        List<List<ChunkFetcher.Wanted>> each = new ArrayList<>();
        for (int i = 0; i < chunks.getLengthsCount(); i++) {
            if (chunks.getStored(i) > 0) {
                ChunkPlace place = new ChunkPlace(manifest.getPacks(chunks.getPack(i)), chunks.getOffset(i), chunks.getStored(i));
                each.add(List.of(new ChunkFetcher.Wanted(ChunkName.of(chunks.getHashes(), i), ChunkCheck.UNKNOWN, chunks.getLengths(i), place)));
            }
        }
        assertThat(each).hasSizeGreaterThan(2);
        try (ChunkFetcher fetcher = new ChunkFetcher(store, Optional.empty())) {
            for (int again = 0; again < Blocks.MOST; again++) {
                assertThatThrownBy(
                                () ->
                                        fetcher.<IOException>inOrder(
                                                SOURCE,
                                                each,
                                                each.size(),
                                                (group, content) -> {
                                                    content.join().close();
                                                    throw new IOException("full");
                                                }))
                        .hasMessage("full");
            }
            await().untilAsserted(
                    () -> {
                        try (Fetched fetched = fetcher.fetchNow(SOURCE, each.getFirst(), StoredChunk.Proof.NAME, ChunkOrigins.withoutPeer())) {
                            assertThat(fetched.plain().getFirst().isDirect()).isTrue();
                        }
                    });
        }
    }

    @Test
    void comesBackInAnotherStoreUnderAnotherId() throws Exception {
        MemoryStore other = new MemoryStore();
        Images into = new Images(other);
        Image image = take(file, into);
        assertThat(image.getId()).isEqualTo(TARGET);
        assertThat(image.getJob()).isEqualTo("j-bbbbbbbb");
        assertThat(image.getMemoryBytes()).isEqualTo(memory.length);
        assertThat(into.verify(TARGET).damage()).isEmpty();
        assertThat(into.manifest(TARGET).getSpec().getName()).isEqualTo("other");
        try (ImageReader reader = into.read(TARGET)) {
            assertThat(read(reader, "inventory.img")).isEqualTo(memory);
            assertThat(read(reader, "pages-1.img")).isEqualTo(memory);
        }
        try (ByteSource source = into.openVolumeFile(TARGET, "log", "output.log", 7).orElseThrow()) {
            assertThat(source.next()).isEqualTo(ByteBuffer.wrap(log, 7, 7));
        }
        assertThat(other.list(Keys.HOLDS)).isEmpty();
    }

    @Test
    void aChunkIsThereOnceAndZerosAreNot() {
        assertThat(file.length).as("noise in windows of two kinds, text, log, manifest").isLessThan(5 * WINDOW);
    }

    @Test
    void theSameImageGivesTheSameFile() throws Exception {
        Images into = new Images(new MemoryStore());
        Image ignored = take(file, into);
        ByteArrayOutputStream again = new ByteArrayOutputStream();
        long bytes = into.exportFile(TARGET, again);
        assertThat(bytes).isPositive();
        assertThat(open(again.toByteArray()).manifest().getFilesList()).isEqualTo(open(file).manifest().getFilesList());
    }

    private static void assertRefused(String what, byte[] content, ErrorCode... codes) {
        MemoryStore other = new MemoryStore();
        assertThatThrownBy(() -> assertThat(take(content, new Images(other))).isNull())
                .as(what)
                .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).as(refused.getMessage()).isIn((Object[]) codes));
        assertThat(other.list("images/")).as(what).isEmpty();
        assertThat(other.list(Keys.HOLDS)).as(what).isEmpty();
    }

    @Test
    void aFileThatWasCutOffIsRefused() {
        for (int length = 0; length < file.length; length += length < 100 || length > file.length - 20 ? 1 : 7919) {
            assertRefused("cut to " + length, Arrays.copyOf(file, length), ErrorCode.IMAGE_FILE_CORRUPT);
        }
        assertRefused("longer", Arrays.copyOf(file, file.length + 1), ErrorCode.IMAGE_FILE_CORRUPT);
    }

    @Test
    void theErrorSaysAtWhichByte() {
        byte[] damaged = file.clone();
        damaged[file.length - 9] ^= 1;
        assertThatThrownBy(() -> assertThat(take(damaged, new Images(new MemoryStore()))).isNull()).hasMessageMatching("Image file x.ferry, byte \\d+: chunk [0-9a-f]{64}: .*");
    }

    @Test
    void damageIsFoundOrDoesNotMatter() throws Exception {
        for (int seed = 0; seed < SEEDS; seed++) {
            byte[] damaged = new Mutations(seed).damage(file);
            MemoryStore other = new MemoryStore();
            Images into = new Images(other);
            try {
                Image ignored = take(damaged, into);
                // A bit of a zstd frame may mean nothing.
                assertThat(into.verify(TARGET).damage()).as("seed %d", seed).isEmpty();
                try (ImageReader reader = into.read(TARGET)) {
                    assertThat(read(reader, "pages-1.img")).as("seed %d", seed).isEqualTo(memory);
                }
            } catch (FerryException refused) {
                assertThat(refused.code()).as("seed %d: %s", seed, refused.getMessage()).isIn(ErrorCode.IMAGE_FILE_CORRUPT, ErrorCode.FORMAT_UNKNOWN);
                assertThat(other.list("images/")).as("seed %d", seed).isEmpty();
            }
        }
    }

    @Test
    void noiseAndForeignFilesAreRefused() {
        for (int seed = 0; seed < FORGED; seed++) {
            assertRefused("seed " + seed, new Mutations(seed).noise(400), ErrorCode.IMAGE_FILE_CORRUPT);
        }
        assertRefused("a manifest", store.get(Keys.manifest(SOURCE)).orElseThrow(), ErrorCode.IMAGE_FILE_CORRUPT);
        byte[] newer = file.clone();
        newer[7] = '2';
        assertRefused("a newer format", newer, ErrorCode.FORMAT_UNKNOWN);
    }

    @Test
    void whatIsForgedWithRightChecksumsIsTakenOrRefused() throws Exception {
        for (int seed = 0; seed < FORGED; seed++) {
            Manifest forged = (Manifest) new Mutations(seed).message(Manifest.getDefaultInstance());
            ByteBuffer object;
            try {
                object = ManifestFormat.write(forged.toBuilder().clearPacks().addPacks(ImageFile.PACK).build());
            } catch (RuntimeException impossible) {
                // Lists that don't fit each other can't be written at all.
                continue;
            }
            ByteArrayOutputStream content = new ByteArrayOutputStream();
            content.writeBytes(ImageFile.MAGIC);
            content.writeBytes(ByteBuffer.allocate(Long.BYTES).putLong(object.remaining()).array());
            content.write(object.array(), 0, object.remaining());
            content.writeBytes(ImageFile.END);
            try {
                Image taken = take(content.toByteArray(), new Images(new MemoryStore()));
                assertThat(taken.getId()).isEqualTo(TARGET);
            } catch (FerryException refused) {
                assertThat(refused.code()).as("seed %d: %s", seed, refused.getMessage()).isIn(ErrorCode.IMAGE_FILE_CORRUPT, ErrorCode.FORMAT_UNKNOWN);
            }
        }
    }

    @Test
    void namesThatLeadElsewhereAreRefused() throws Exception {
        Manifest manifest = open(file).manifest();
        for (Manifest bad :
                new Manifest[] {
                    manifest.toBuilder().setFiles(0, manifest.getFiles(0).toBuilder().setName("../../etc/passwd")).build(),
                    manifest.toBuilder().setFiles(0, manifest.getFiles(1)).build(),
                    manifest.toBuilder().setVolumes(0, manifest.getVolumes(0).toBuilder().setName("..")).build(),
                    manifest.toBuilder().setFiles(0, manifest.getFiles(0).toBuilder().setSize(1)).build(),
                    manifest.toBuilder().setPacks(0, "packs/j-cccccccc/0000000001-abcdefgh-00000").build()
                }) {
            ByteBuffer object = ManifestFormat.write(bad);
            ByteBuffer whole = ByteBuffer.allocate(file.length + object.remaining());
            whole.put(ImageFile.MAGIC).putLong(object.remaining()).put(object);
            assertRefused(bad.getFiles(0).getName(), Arrays.copyOf(whole.array(), whole.position()), ErrorCode.IMAGE_FILE_CORRUPT);
        }
    }

    @Test
    void aFileThatIsTooLongIsRefusedAsSoonAsItIs() {
        assertThatThrownBy(() -> ImageFile.open(new ByteArrayInputStream(file), "x.ferry", file.length - 1).eachChunk(chunk -> {}))
                .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT));
    }

    @Test
    void criusFilesLieInAFolderOrNotAtAll(@TempDir Path folder) throws Exception {
        Path criu = folder.resolve("criu");
        CriuFolder.write(open(file), criu);
        assertThat(Files.readAllBytes(criu.resolve("pages-1.img"))).isEqualTo(memory);
        assertThat(Files.readAllBytes(criu.resolve("inventory.img"))).isEqualTo(memory);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(criu))).isEqualTo("rwx------");
        byte[] damaged = file.clone();
        damaged[file.length - 9] ^= 1;
        assertThatThrownBy(() -> CriuFolder.write(open(damaged), folder.resolve("other"))).isInstanceOf(FerryException.class);
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left).containsExactly(criu);
        }
    }

    @Test
    void aDamagedImageIsNotExported() {
        String pack = store.list(Keys.PACKS).getFirst();
        byte[] content = store.get(pack).orElseThrow();
        content[100] ^= 0x55;
        store.put(pack, ByteBuffer.wrap(content));
        ByteArrayOutputStream to = new ByteArrayOutputStream();
        assertThatThrownBy(() -> assertThat(images.exportFile(SOURCE, to)).isZero())
                .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.CHUNK_CORRUPT));
        assertRefused("what was written of it", to.toByteArray(), ErrorCode.IMAGE_FILE_CORRUPT);
    }
}
