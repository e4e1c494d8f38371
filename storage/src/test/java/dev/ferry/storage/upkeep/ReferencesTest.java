package dev.ferry.storage.upkeep;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.storage.image.ForwardingStore;
import dev.ferry.storage.image.Keys;
import dev.ferry.storage.object.MemoryStore;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import javax.management.ObjectName;
import org.junit.jupiter.api.Test;

/** What is kept of manifests while they are read. */
class ReferencesTest {
    private static final int IMAGES = 20;
    private static final int PACKS = 5000;
    private static final String JOB = "j-aaaaaaaa.";

    /** As the first format has it. */
    private static ByteBuffer manifest(String image, List<String> packs) throws Exception {
        byte[] body = Manifest.newBuilder().setFormatVersion(1).setWriter("abcdefgh").setImage(Image.newBuilder().setId(image)).addAllPacks(packs).build().toByteArray();
        byte[] hash = MessageDigest.getInstance("SHA-256").digest(body);
        return ByteBuffer.allocate(8 + hash.length + body.length).put("FERRYIMG".getBytes(StandardCharsets.US_ASCII)).put(hash).put(body).flip();
    }

    /** Those that anything refers to: the heap is cleared before. */
    private static long strings() {
        try {
            ObjectName commands = new ObjectName("com.sun.management:type=DiagnosticCommand");
            Object told = ManagementFactory.getPlatformMBeanServer().invoke(commands, "gcClassHistogram", new Object[] {new String[0]}, new String[] {String[].class.getName()});
            Matcher line = Pattern.compile("\\s(\\d+)\\s+\\d+\\s+java\\.lang\\.String\\s").matcher(String.valueOf(told));
            assertThat(line.find()).isTrue();
            return Long.parseLong(line.group(1));
        } catch (Exception unknown) {
            throw new IllegalStateException(unknown);
        }
    }

    /** Images of a large job name the same packs over and over: a store with thousands of them took gigabytes. */
    @Test
    void ofAPackThatManyImagesNameOneNameIsKept() throws Exception {
        MemoryStore store = new MemoryStore();
        List<String> packs = IntStream.range(0, PACKS).mapToObj(pack -> String.format(Locale.ROOT, "packs/j-aaaaaaaa/0000000001-abcdefgh-%05d", pack)).toList();
        for (int image = 1; image <= IMAGES; image++) {
            store.put(Keys.manifest(JOB + image), manifest(JOB + image, packs));
        }
        AtomicLong atLast = new AtomicLong();
        String last = Keys.manifest(JOB + IMAGES);
        long before = strings();
        References read =
                References.read(
                        new ForwardingStore(store) {
                            @Override
                            public Optional<byte[]> get(String key) {
                                if (key.equals(last)) {
                                    atLast.set(strings());
                                }
                                return super.get(key);
                            }
                        },
                        Runnable::run);
        assertThat(atLast.get() - before).isBetween(PACKS / 2L, 2L * PACKS);
        assertThat(read.images()).isEqualTo(IMAGES);
        assertThat(packs).allMatch(read::uses);
        assertThat(read.uses("packs/j-aaaaaaaa/0000000001-abcdefgh-99999")).isFalse();
    }
}
