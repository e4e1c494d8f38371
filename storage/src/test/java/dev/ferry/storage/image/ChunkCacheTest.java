package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChunkCacheTest {
    private static final int LENGTH = 1000;

    @TempDir private Path folder;

    private static byte[] chunk(int number) {
        byte[] bytes = new byte[LENGTH];
        new Random(number).nextBytes(bytes);
        return bytes;
    }

    private static ChunkName name(int number) {
        return ChunkName.of(ChunkName.sha256().digest(chunk(number)));
    }

    private static void put(ChunkCache cache, int number) {
        byte[] pack = new byte[LENGTH + 7];
        System.arraycopy(chunk(number), 0, pack, 7, LENGTH);
        cache.put(name(number), ByteBuffer.wrap(pack, 7, LENGTH));
    }

    private static byte @Nullable [] get(ChunkCache cache, int number) {
        byte[] into = new byte[LENGTH];
        return cache.get(name(number), ByteBuffer.wrap(into)) ? into : null;
    }

    private long onDisk() throws Exception {
        try (Stream<Path> files = Files.list(folder)) {
            return files.mapToLong(file -> file.toFile().length()).sum();
        }
    }

    @Test
    void whatWasPutIsThereAlsoAfterARestart() throws Exception {
        try (ChunkCache cache = ChunkCache.open(folder, 1 << 20)) {
            put(cache, 1);
            put(cache, 2);
            put(cache, 2);
            assertThat(get(cache, 1)).isEqualTo(chunk(1));
            assertThat(get(cache, 3)).isNull();
        }
        try (ChunkCache cache = ChunkCache.open(folder, 1 << 20)) {
            assertThat(get(cache, 2)).isEqualTo(chunk(2));
            assertThat(cache.bytes()).as("the one that came twice lies there once").isEqualTo(onDisk());
            put(cache, 4);
            assertThat(get(cache, 4)).isNotNull();
        }
    }

    @Test
    void theOldestGoWhenTheQuotaIsReached() throws Exception {
        long quota = 40 * LENGTH;
        try (ChunkCache cache = ChunkCache.open(folder, quota)) {
            for (int i = 0; i < 200; i++) {
                put(cache, i);
            }
            assertThat(get(cache, 0)).isNull();
            assertThat(get(cache, 199)).isNotNull();
            assertThat(cache.bytes()).isEqualTo(onDisk()).isLessThanOrEqualTo(quota + quota / 8);
        }
        try (ChunkCache smaller = ChunkCache.open(folder, quota / 4)) {
            assertThat(onDisk()).isLessThanOrEqualTo(quota / 2);
            assertThat(get(smaller, 199)).isNotNull();
        }
    }

    @Test
    void whatAKilledDaemonHalfWroteIsPassedOver() throws Exception {
        try (ChunkCache cache = ChunkCache.open(folder, 1 << 20)) {
            put(cache, 1);
            put(cache, 2);
        }
        List<Path> files;
        try (Stream<Path> all = Files.list(folder)) {
            files = all.toList();
        }
        byte[] content = Files.readAllBytes(files.getFirst());
        Files.write(files.getFirst(), java.util.Arrays.copyOf(content, content.length - 10), StandardOpenOption.TRUNCATE_EXISTING);
        try (ChunkCache cache = ChunkCache.open(folder, 1 << 20)) {
            assertThat(get(cache, 1)).isNotNull();
            assertThat(get(cache, 2)).isNull();
            put(cache, 2);
            assertThat(get(cache, 2)).isEqualTo(chunk(2));
        }
    }
}
