package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.EntryKind;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.StoredFile;
import dev.ferry.proto.v1.StoredVolume;
import dev.ferry.proto.v1.VolumeEntry;
import dev.ferry.storage.Images;
import dev.ferry.storage.object.FolderStore;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Manifests as objects: small, read by parts, and those of format 1 too. */
class ManifestFormatTest {
    private static final int PAGE = 4096;
    private static final long GIB = 1L << 30;
    private static final int PACK_BYTES = 16 << 20;
    private static final String IMAGE = "j-aaaaaaaa.1";

    private final Random random = new Random(11);

    /** Windows as long as the cutter makes them, of which the n-th is zeros and every tenth is in an older image's pack. */
    private Manifest.Builder synthetic(long bytes) {
        ChunkList.Builder chunks = ChunkList.newBuilder();
        ByteString.Output hashes = ByteString.newOutput((int) (bytes >> 12));
        ByteString.Output checks = ByteString.newOutput((int) (bytes >> 14));
        byte[] hash = new byte[ChunkName.BYTES];
        long offset = 0;
        int pack = 1;
        for (long at = 0; at < bytes; at += chunks.getLengths(chunks.getLengthsCount() - 1)) {
            int length = (32 + random.nextInt(61)) * PAGE;
            int stored = random.nextInt(4) == 0 ? length : length / 2 + random.nextInt(length / 2);
            random.nextBytes(hash);
            hashes.write(hash, 0, hash.length);
            checks.write(hash, 0, ChunkCheck.BYTES);
            chunks.addLengths(length);
            if (random.nextInt(10) == 0) {
                chunks.addPack(0).addOffset(random.nextInt(PACK_BYTES)).addStored(stored);
                continue;
            }
            if (offset + stored > PACK_BYTES) {
                pack++;
                offset = 0;
            }
            chunks.addPack(pack).addOffset(offset).addStored(stored);
            offset += stored;
        }
        List<String> packs = new ArrayList<>();
        for (int number = 0; number <= pack; number++) {
            packs.add(Keys.pack(IMAGE, "abcdefgh", number));
        }
        VolumeEntry log = VolumeEntry.newBuilder().setPath(ByteString.copyFromUtf8("log")).setKind(EntryKind.REGULAR).setChunks(small()).build();
        return Manifest.newBuilder()
                .setFormatVersion(ManifestFormat.VERSION)
                .setImage(Image.newBuilder().setId(IMAGE).setBytes(bytes))
                .setSpec(JobSpec.newBuilder().setName("large"))
                .addFiles(StoredFile.newBuilder().setName("inventory.img").setSize(77).setChunks(small()))
                .addFiles(StoredFile.newBuilder().setName("pages-1.img").setSize(bytes).setChunks(chunks.setHashes(hashes.toByteString()).setChecks(checks.toByteString())))
                .addVolumes(StoredVolume.newBuilder().setName("log").addEntries(log))
                .addAllPacks(packs);
    }

    /** 77 bytes, then zeros, then 5 bytes. */
    private static ChunkList small() {
        byte[] hashes = new byte[3 * ChunkName.BYTES];
        hashes[0] = 1;
        hashes[2 * ChunkName.BYTES] = 1;
        return ChunkList.newBuilder()
                .setHashes(ByteString.copyFrom(hashes))
                .addAllLengths(List.of(77, 1 << 30, 5))
                .addAllPack(List.of(1, 0, 1))
                .addAllOffset(List.of(4096L, 0L, 4173L))
                .addAllStored(List.of(70, 0, 5))
                .build();
    }

    @Test
    void aManifestComesBackAsItWas() {
        Manifest manifest = synthetic(GIB).build();
        assertThat(ManifestFormat.read(IMAGE, ManifestFormat.write(manifest).array())).isEqualTo(manifest);
    }

    @Test
    void oneOfAFerryWithoutChecksumsIsReadToo() {
        Manifest.Builder manifest = synthetic(GIB);
        manifest.getFilesBuilder(1).getChunksBuilder().clearChecks();
        assertThat(ManifestFormat.read(IMAGE, ManifestFormat.write(manifest.build()).array())).isEqualTo(manifest.build());
    }

    @Test
    void anImageOfHundredGibibytesHasAManifestOfLessThanTwentyMebibytes() {
        Manifest manifest = synthetic(100 * GIB).build();
        ByteBuffer object = ManifestFormat.write(manifest);
        assertThat(object.remaining()).isLessThan(20 << 20);
    }

    @Test
    void onlyThePartsThatAreAskedForAreRead(@TempDir Path folder) throws Exception {
        try (FolderStore store = new FolderStore(folder)) {
            Manifest manifest = synthetic(10 * GIB).build();
            byte[] object = ManifestFormat.write(manifest).array();
            // The last part is the long list: whoever doesn't read it doesn't see that it is damaged.
            object[object.length - 1]++;
            store.put(Keys.manifest(IMAGE), ByteBuffer.wrap(object));
            StoredManifest parts = StoredManifest.open(store, IMAGE);
            assertThat(parts.image()).isEqualTo(manifest.getImage());
            assertThat(parts.spec()).isEqualTo(manifest.getSpec());
            assertThat(parts.list(parts.tree().getVolumes(0).getEntries(0).getChunks())).isEqualTo(small());
            assertThat(parts.list(parts.tree().getFiles(0).getChunks())).isEqualTo(small());
            assertRefused(ErrorCode.MANIFEST_CORRUPT, () -> parts.list(parts.tree().getFiles(1).getChunks()));
            assertRefused(ErrorCode.MANIFEST_CORRUPT, parts::whole);
        }
    }

    @Test
    void theWholeIsReadByPartsToo(@TempDir Path folder) {
        try (FolderStore store = new FolderStore(folder)) {
            Manifest manifest = synthetic(GIB).build();
            store.put(Keys.manifest(IMAGE), ManifestFormat.write(manifest));
            assertThat(StoredManifest.open(store, IMAGE).whole()).isEqualTo(manifest);
            assertRefused(ErrorCode.IMAGE_NOT_FOUND, () -> StoredManifest.open(store, "j-aaaaaaaa.2"));
        }
    }

    /** Who may write the store could bring back one job with another's memory, with checksums that are all right. */
    @Test
    void theManifestOfAnotherImageIsRefused(@TempDir Path folder) {
        String other = "j-bbbbbbbb.7";
        try (FolderStore store = new FolderStore(folder)) {
            Manifest manifest = synthetic(GIB).build();
            store.put(Keys.manifest(other), ManifestFormat.write(manifest));
            assertRefused(ErrorCode.MANIFEST_CORRUPT, () -> StoredManifest.open(store, other));
            assertRefused(ErrorCode.MANIFEST_CORRUPT, () -> new Images(store).manifest(other));
            byte[] body = manifest.toBuilder().setFormatVersion(1).build().toByteArray();
            ByteBuffer first = ByteBuffer.allocate(8 + ChunkName.BYTES + body.length);
            store.put(Keys.manifest(other), first.put("FERRYIMG".getBytes(StandardCharsets.US_ASCII)).put(ChunkName.sha256().digest(body)).put(body).flip());
            assertRefused(ErrorCode.MANIFEST_CORRUPT, () -> StoredManifest.open(store, other));
        }
    }

    @Test
    void aManifestOfTheFirstFormatIsRead(@TempDir Path folder) {
        Manifest manifest = synthetic(GIB).setFormatVersion(1).build();
        byte[] body = manifest.toByteArray();
        ByteBuffer object = ByteBuffer.allocate(8 + ChunkName.BYTES + body.length);
        object.put("FERRYIMG".getBytes(StandardCharsets.US_ASCII)).put(ChunkName.sha256().digest(body)).put(body).flip();
        assertThat(ManifestFormat.read(IMAGE, object.array())).isEqualTo(manifest);
        try (FolderStore store = new FolderStore(folder)) {
            store.put(Keys.manifest(IMAGE), object);
            StoredManifest parts = StoredManifest.open(store, IMAGE);
            assertThat(parts.image()).isEqualTo(manifest.getImage());
            assertThat(parts.list(parts.tree().getFiles(1).getChunks())).isEqualTo(manifest.getFiles(1).getChunks());
            assertThat(parts.whole()).isEqualTo(manifest);
        }
    }

    @Test
    void aLaterFormatIsNamed() {
        byte[] object = ManifestFormat.write(synthetic(GIB).build()).array();
        object[7] = '3';
        assertRefused(ErrorCode.FORMAT_UNKNOWN, () -> ManifestFormat.read(IMAGE, object));
    }

    private static void assertRefused(ErrorCode code, org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).as(refused.getMessage()).isEqualTo(code))
                .hasMessageContaining("j-aaaaaaaa");
    }

    private static boolean fits(Consumer<ReadBudget> work, long bytes) {
        try {
            work.accept(new ReadBudget("", bytes));
            return true;
        } catch (FerryException refused) {
            assertThat(refused.code()).isEqualTo(ErrorCode.OBJECT_TOO_LARGE);
            return false;
        }
    }

    /** A job is ended when its image is committed: what is written must be what is read. */
    @Test
    void whatCouldNotBeReadIsNotCommitted() {
        Manifest.Builder builder = synthetic(GIB / 4);
        StoredVolume.Builder many = StoredVolume.newBuilder().setName("work");
        for (int file = 0; file < 500; file++) {
            many.addEntries(VolumeEntry.newBuilder().setPath(ByteString.copyFromUtf8("some/file-" + file)).setKind(EntryKind.REGULAR).setChunks(small()));
        }
        Manifest manifest = builder.addVolumes(many).build();
        ByteBuffer written = ManifestFormat.write(manifest);
        byte[] object = written.array().clone();
        boolean both = false;
        for (long bytes = 4096; !both && bytes < 1 << 30; bytes += bytes / 16) {
            boolean readable = fits(budget -> assertThat(ManifestFormat.read(IMAGE, object, budget)).isNotNull(), bytes);
            boolean committed = fits(budget -> ManifestFormat.requireReadable(IMAGE, manifest, written, budget), bytes);
            assertThat(readable || !committed).as("with %d bytes", bytes).isTrue();
            both = readable && committed;
        }
        assertThat(both).isTrue();
    }
}
