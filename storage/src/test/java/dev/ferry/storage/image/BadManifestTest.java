package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import com.google.protobuf.UnknownFieldSet;
import dev.ferry.common.FerryException;
import dev.ferry.common.testing.Mutations;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.ManifestHead;
import dev.ferry.proto.v1.ManifestPart;
import dev.ferry.proto.v1.StoredFile;
import dev.ferry.proto.v1.StoredVolume;
import dev.ferry.proto.v1.VolumeEntry;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.WholeObject;
import dev.ferry.storage.object.FolderStore;
import dev.ferry.storage.object.MemoryStore;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Manifests that a disk damaged, and those that somebody made with right checksums: read, or refused by name. */
class BadManifestTest {
    private static final String IMAGE = "j-aaaaaaaa.1";
    private static final int SEEDS = 2000;

    private static byte[] good() {
        byte[] hashes = new byte[600 * ChunkName.BYTES];
        new Random(1).nextBytes(hashes);
        ChunkList.Builder chunks = ChunkList.newBuilder().setHashes(ByteString.copyFrom(hashes));
        IntStream.range(0, 600).forEach(number -> chunks.addLengths(8192).addPack(0).addOffset(number * 8192L).addStored(8192));
        Manifest manifest =
                Manifest.newBuilder()
                        .setFormatVersion(ManifestFormat.VERSION)
                        .setImage(Image.newBuilder().setId(IMAGE))
                        .setSpec(JobSpec.newBuilder().setName("x"))
                        .addFiles(StoredFile.newBuilder().setName("pages-1.img").setSize(600 * 8192L).setChunks(chunks))
                        .addPacks(Keys.pack(IMAGE, "abcdefgh", 0))
                        .build();
        ByteBuffer object = ManifestFormat.write(manifest);
        byte[] bytes = new byte[object.remaining()];
        object.get(bytes);
        return bytes;
    }

    private static void assertReadOrRefused(String what, byte[] object) {
        try {
            assertThat(ManifestFormat.read(IMAGE, object).getImage().getId()).as(what).isNotNull();
        } catch (FerryException refused) {
            assertThat(refused.code()).as(what).isIn(ErrorCode.MANIFEST_CORRUPT, ErrorCode.FORMAT_UNKNOWN);
            assertThat(refused.getMessage()).contains(IMAGE);
        }
    }

    @Test
    void damageIsFound() {
        byte[] good = good();
        for (int seed = 0; seed < SEEDS; seed++) {
            byte[] damaged = new Mutations(seed).damage(good);
            assertReadOrRefused("seed " + seed, damaged);
            if (!Arrays.equals(damaged, good)) {
                FerryException[] refused = new FerryException[1];
                try {
                    assertThat(ManifestFormat.read(IMAGE, damaged)).isNull();
                } catch (FerryException expected) {
                    refused[0] = expected;
                }
                assertThat(refused[0]).as("seed %d", seed).isNotNull();
            }
        }
    }

    @Test
    void noiseIsNoManifest() {
        for (int seed = 0; seed < SEEDS; seed++) {
            assertReadOrRefused("seed " + seed, new Mutations(seed).noise(400));
        }
    }

    /** An object with these parts, as one makes it who knows the format. */
    private static byte[] forged(ManifestHead.Builder head, List<byte[]> parts) {
        byte[] first = head.build().toByteArray();
        ByteBuffer object = ByteBuffer.allocate(ManifestFormat.PREAMBLE + first.length + parts.stream().mapToInt(part -> part.length).sum());
        object.put("FERRYIM2".getBytes(java.nio.charset.StandardCharsets.US_ASCII)).putInt(first.length).put(ChunkName.sha256().digest(first)).put(first);
        parts.forEach(object::put);
        return object.array();
    }

    @Test
    void whatIsForgedWithRightChecksumsIsReadOrRefused() {
        for (int seed = 0; seed < SEEDS; seed++) {
            Mutations mutations = new Mutations(seed);
            byte[] tree = mutations.message(Manifest.getDefaultInstance()).toByteArray();
            byte[] list = mutations.message(ChunkList.getDefaultInstance()).toByteArray();
            ManifestHead.Builder head = ManifestHead.newBuilder().setFormatVersion(ManifestFormat.VERSION).setImage(Image.newBuilder().setId(IMAGE));
            for (byte[] part : List.of(tree, list)) {
                head.addParts(ManifestPart.newBuilder().setLength(part.length).setSha256(ByteString.copyFrom(ChunkName.sha256().digest(part))));
            }
            assertReadOrRefused("seed " + seed, forged(head, List.of(tree, list)));
        }
    }

    @Test
    void lengthsOfPartsThatCanNotBeAreRefused() {
        for (int[] lengths : new int[][] {{-1, 1}, {Integer.MAX_VALUE, Integer.MIN_VALUE + 1}, {Integer.MIN_VALUE}, {Integer.MAX_VALUE}}) {
            ManifestHead.Builder head = ManifestHead.newBuilder().setFormatVersion(ManifestFormat.VERSION);
            for (int length : lengths) {
                head.addParts(ManifestPart.newBuilder().setLength(length));
            }
            assertReadOrRefused(Arrays.toString(lengths), forged(head, List.of()));
        }
    }

    private static byte[] forged(byte[]... parts) {
        ManifestHead.Builder head = ManifestHead.newBuilder().setFormatVersion(ManifestFormat.VERSION).setImage(Image.newBuilder().setId(IMAGE));
        for (byte[] part : parts) {
            head.addParts(ManifestPart.newBuilder().setLength(part.length).setSha256(ByteString.copyFrom(ChunkName.sha256().digest(part))));
        }
        return forged(head, List.of(parts));
    }

    private static final long SMALL = 16 << 20;

    private static void assertTooLarge(String what, byte[] object) {
        assertThat(object.length).as(what).isLessThan(2 << 20);
        assertThatThrownBy(() -> ManifestFormat.read(IMAGE, object, new ReadBudget("The manifest of image " + IMAGE, SMALL)))
                .as(what)
                .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.OBJECT_TOO_LARGE))
                .hasMessageContainingAll(IMAGE, "16 MiB");
    }

    @Test
    void aFewBytesThatWouldBecomeMuchAreRefusedBeforeTheyAreTaken() {
        Manifest.Builder none = Manifest.newBuilder();
        assertTooLarge("files", forged(none.clone().addAllFiles(Collections.nCopies(200_000, StoredFile.getDefaultInstance())).build().toByteArray()));
        assertTooLarge("packs", forged(none.clone().addAllPacks(Collections.nCopies(300_000, "")).build().toByteArray()));
        StoredVolume volume = StoredVolume.newBuilder().addAllEntries(Collections.nCopies(200_000, VolumeEntry.getDefaultInstance())).build();
        assertTooLarge("entries", forged(none.clone().addVolumes(volume).build().toByteArray()));
        UnknownFieldSet.Field.Builder unknown = UnknownFieldSet.Field.newBuilder();
        Collections.nCopies(300_000, ByteString.EMPTY).forEach(unknown::addLengthDelimited);
        assertTooLarge("what nobody knows", forged(none.clone().setUnknownFields(UnknownFieldSet.newBuilder().addField(5000, unknown.build()).build()).build().toByteArray()));
        ChunkList numbers = ChunkList.newBuilder().addAllLengths(Collections.nCopies(500_000, 1)).addAllPack(Collections.nCopies(500_000, 1)).build();
        assertTooLarge("numbers of format 1", forged(none.clone().addFiles(StoredFile.newBuilder().setChunks(numbers)).addAllPacks(Collections.nCopies(150_000, "")).build().toByteArray()));
        // Two bytes are a chunk of zeros, and one part is many lists.
        byte[] zeros = new byte[600_000];
        IntStream.range(0, zeros.length / 2).forEach(at -> zeros[2 * at] = 2);
        byte[] list = ChunkList.newBuilder().setPlaces(ByteString.copyFrom(zeros)).build().toByteArray();
        StoredFile file = StoredFile.newBuilder().setName("pages-1.img").setChunks(ChunkList.newBuilder().setPart(1)).build();
        assertTooLarge("zeros", forged(none.clone().addFiles(file).build().toByteArray(), list));
        try (ObjectStore store = new MemoryStore()) {
            byte[] brief = ChunkList.newBuilder().setPlaces(ByteString.copyFrom(new byte[] {2, 0})).build().toByteArray();
            store.put(Keys.manifest(IMAGE), ByteBuffer.wrap(forged(none.clone().addFiles(file).addFiles(file).build().toByteArray(), brief)));
            assertThatThrownBy(() -> StoredManifest.open(store, IMAGE).whole()).isInstanceOf(FerryException.class).hasMessageContaining("its part 1 is two lists");
        }
    }

    private static long messages(Message message) {
        long inside = 0;
        for (Map.Entry<FieldDescriptor, Object> field : message.getAllFields().entrySet()) {
            if (field.getKey().getJavaType() == FieldDescriptor.JavaType.MESSAGE) {
                List<?> all = field.getKey().isRepeated() ? (List<?>) field.getValue() : List.of(field.getValue());
                inside += all.stream().mapToLong(one -> messages((Message) one)).sum();
            }
        }
        return 1 + inside;
    }

    @Test
    void nothingThatIsParsedIsMoreThanWasCounted() throws Exception {
        for (int seed = 0; seed < SEEDS; seed++) {
            Message any = new Mutations(seed).message(Manifest.getDefaultInstance());
            long made = messages(any) * ReadBudget.MESSAGE;
            ByteBuffer bytes = any.toByteString().asReadOnlyByteBuffer();
            new ReadBudget("seed " + seed, made + 100L * any.getSerializedSize()).takeFor(bytes, Manifest.getDescriptor());
            assertThatThrownBy(() -> new ReadBudget("", made - 1).takeFor(bytes, Manifest.getDescriptor())).as("seed %d", seed).isInstanceOf(FerryException.class);
        }
    }

    @Test
    void anObjectThatIsLargerThanMemoryIsNotRead(@TempDir Path folder) throws Exception {
        try (FolderStore store = new FolderStore(folder)) {
            store.put(Keys.manifest(IMAGE), ByteBuffer.wrap(new byte[1]));
            try (RandomAccessFile hole = new RandomAccessFile(folder.resolve(Keys.manifest(IMAGE)).toFile(), "rw")) {
                hole.setLength(WholeObject.most() + 1);
            }
            assertThatThrownBy(() -> store.get(Keys.manifest(IMAGE)))
                    .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.OBJECT_TOO_LARGE))
                    .hasMessageContaining(Keys.manifest(IMAGE));
        }
    }
}
