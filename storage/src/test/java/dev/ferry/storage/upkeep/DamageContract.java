package dev.ferry.storage.upkeep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.EntryKind;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.StoreCheck;
import dev.ferry.proto.v1.StoreFinding;
import dev.ferry.proto.v1.VolumeEntry;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ByteSource;
import dev.ferry.storage.ImageReader;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.StoreId;
import dev.ferry.storage.object.MemoryStore;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One byte of one object is not what was written: the check of the store names the object, and no job comes from it. */
abstract class DamageContract {
    private static final int BUFFERS = 8;
    private static final int MOST_PLACES = 400;
    private static final Collector.Terms KEEP = new Collector.Terms(Duration.ofHours(1), Duration.ofDays(1));

    /** What lies in the store, byte by byte. */
    final MemoryStore store = new MemoryStore();

    private final ObjectStore opened = open(store);
    final Images images = new Images(opened);
    private final BufferPool buffers = new BufferPool(BUFFERS, Images.WINDOW_BYTES);
    private final Random random = new Random(11);

    /** The store as it is used. */
    abstract ObjectStore open(MemoryStore real);

    /** A store with an object of every kind: its id, two images of which one is deleted, a dump under way, one that was given up. */
    @BeforeEach
    void fill() throws InterruptedException {
        String ignored = StoreId.make(opened);
        write("j-aaaaaaaa.1", Optional.empty(), true);
        write("j-aaaaaaaa.2", Optional.of("j-aaaaaaaa.1"), true);
        write("j-bbbbbbbb.1", Optional.empty(), true);
        assertThat(images.delete("j-bbbbbbbb.1", KEEP).getCondemnedPacks()).isEqualTo(1);
        write("j-cccccccc.1", Optional.empty(), false);
        assertThat(images.collect(new Collector.Terms(Duration.ofHours(1), Duration.ofMillis(-1)), false).getGivenUpList()).containsExactly("j-cccccccc.1");
        write("j-dddddddd.1", Optional.of("j-aaaaaaaa.2"), false);
    }

    private byte[] noise(int bytes) {
        byte[] noise = new byte[bytes];
        random.nextBytes(noise);
        return noise;
    }

    private void write(ByteSink sink, byte[] content) throws InterruptedException {
        try (sink) {
            for (int at = 0; at < content.length; at += Images.WINDOW_BYTES) {
                sink.write(buffers.take().put(content, at, Math.min(Images.WINDOW_BYTES, content.length - at)).flip());
            }
        }
    }

    /**
     * @param whole false: the dump is left under way
     */
    @SuppressWarnings("MustBeClosedChecker")
    private void write(String id, Optional<String> previous, boolean whole) throws InterruptedException {
        ImageWriter writer = images.write(id, previous, buffers);
        write(writer.file("core-1.img"), noise(3000));
        write(writer.file("text.img"), "memory that shrinks when it is compressed. ".repeat(900).getBytes(java.nio.charset.StandardCharsets.UTF_8));
        // Enough chunks for a list of its own in the manifest.
        for (int i = 0; i < 3; i++) {
            write(writer.file("pages-" + i + ".img"), noise(1 << 20));
        }
        VolumeEntry entry = VolumeEntry.newBuilder().setPath(ByteString.copyFromUtf8("output.log")).setKind(EntryKind.REGULAR).build();
        write(writer.regular("log", entry), noise(5000));
        writer.spec(JobSpec.newBuilder().setName("damaged").build());
        if (whole) {
            Image ignored = writer.commit(Image.newBuilder().setJob(id.substring(0, id.indexOf('.'))).build());
            writer.close();
        }
    }

    @AfterEach
    void buffersAreBack() {
        // One that was being filled when a reader was closed comes back when that has ended.
        await().atMost(Duration.ofSeconds(20)).until(buffers::available, available -> available == BUFFERS);
    }

    private void readAll(String id) {
        try (ImageReader image = images.read(id)) {
            image.manifest().getFilesList().forEach(file -> drain(image.open(file.getChunks())));
            image.manifest().getVolumesList().forEach(volume -> volume.getEntriesList().forEach(entry -> drain(image.open(entry.getChunks()))));
        }
    }

    private static void drain(ByteSource source) {
        try (source) {
            while (source.next() != null) {
                continue;
            }
        }
    }

    @Test
    void aHealthyStoreHasNoDamage() {
        StoreCheck check = images.check(false);
        assertThat(check.getFindingsList()).noneMatch(StoreFinding::getDamage);
        // What the deleted image and the dump that was given up had sent.
        assertThat(check.getFindingsList()).extracting(StoreFinding::getObject).allMatch(key -> key.startsWith("packs/j-bbbbbbbb/") || key.startsWith("packs/j-cccccccc/"));
        assertThat(check.getImages()).isEqualTo(2);
        assertThat(check.getObjects()).isEqualTo(store.list("").size());
        assertThat(check.getBytes()).isEqualTo(store.entries("").stream().mapToLong(entry -> entry.bytes()).sum());
    }

    @ParameterizedTest
    @ValueSource(strings = {"images/j-aaaaaaaa/0000000001.manifest", "images/j-cccccccc/", "packs/j-aaaaaaaa/0000000001", "holds/", "condemned/"})
    void everyByteIsChecked(String kind) {
        String key = store.list(kind).getFirst();
        byte[] whole = store.get(key).orElseThrow();
        int step = Math.max(1, whole.length / MOST_PLACES);
        boolean ofImage = key.startsWith("packs/") || key.contains("j-aaaaaaaa");
        for (int at = 0; at < whole.length; at += step) {
            byte[] damaged = whole.clone();
            damaged[at] ^= (byte) (1 << random.nextInt(8));
            store.put(key, ByteBuffer.wrap(damaged));
            List<StoreFinding> found = images.check(key.startsWith("packs/") && at % (7 * step) != 0).getFindingsList().stream().filter(StoreFinding::getDamage).toList();
            if (!key.startsWith("packs/") || at % (7 * step) == 0) {
                assertThat(found).as("byte %d of %s", at, key).anyMatch(finding -> finding.getObject().equals(key) || finding.getProblem().contains(key));
            }
            if (ofImage && !key.startsWith("condemned/")) {
                assertThatThrownBy(() -> readAll("j-aaaaaaaa.1")).as("byte %d of %s", at, key).isInstanceOf(FerryException.class);
            }
        }
        store.put(key, ByteBuffer.wrap(whole));
        readAll("j-aaaaaaaa.1");
    }

    @ParameterizedTest
    @ValueSource(strings = {"images/j-aaaaaaaa/0000000001.manifest", "packs/j-aaaaaaaa/0000000001", "holds/", "condemned/"})
    void anObjectThatEndsEarlyIsFound(String kind) {
        String key = store.list(kind).getFirst();
        byte[] whole = store.get(key).orElseThrow();
        for (int length : new int[] {0, 1, 20, whole.length / 2, whole.length - 1}) {
            store.put(key, ByteBuffer.wrap(whole, 0, length));
            assertThat(images.check(true).getFindingsList()).as("%d bytes of %s", length, key).anyMatch(finding -> finding.getDamage() && finding.getObject().equals(key));
        }
    }

    @Test
    void whatIsMissingIsFoundAndWhatIsForeignIsNoted() {
        String pack = store.list("packs/j-aaaaaaaa/").getFirst();
        long ignored = store.delete(pack);
        store.put("readme.txt", ByteBuffer.wrap(new byte[3]));
        List<StoreFinding> found = images.check(true).getFindingsList();
        assertThat(found).anyMatch(finding -> finding.getDamage() && finding.getObject().equals(pack) && finding.getProblem().contains("j-aaaaaaaa.1"));
        assertThat(found).anyMatch(finding -> !finding.getDamage() && finding.getObject().equals("readme.txt"));
    }
}
