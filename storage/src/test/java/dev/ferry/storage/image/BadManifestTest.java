package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
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
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

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
}
