package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.Clock;
import dev.ferry.storage.FullableFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChunkCacheTest {
    private static final int LENGTH = 1000;

    @TempDir private Path folder;
    private final List<FullableFile> files = new ArrayList<>();
    private final Hand clock = new Hand();
    private boolean full;

    private static final class Hand implements Clock {
        private long now = Long.MAX_VALUE - 5;

        @Override
        public long millis() {
            return 0;
        }

        @Override
        public long nanos() {
            return now;
        }
    }

    private ChunkCache onFullDisk() throws IOException {
        return ChunkCache.open(
                folder,
                1 << 20,
                clock,
                path -> {
                    FullableFile file = new FullableFile(FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE));
                    file.full(full);
                    files.add(file);
                    return file;
                });
    }

    private void full(boolean now) {
        full = now;
        files.forEach(file -> file.full(now));
    }

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

    @Test
    void aDiskThatWasFullIsTriedAgainAfterAWhile() throws Exception {
        try (ChunkCache cache = onFullDisk()) {
            put(cache, 1);
            full(true);
            put(cache, 2);
            full(false);
            put(cache, 2);
            assertThat(get(cache, 2)).as("not with each chunk").isNull();
            assertThat(cache.room()).isZero();
            assertThat(get(cache, 1)).isEqualTo(chunk(1));
            clock.now += ChunkCache.PAUSE.toNanos();
            assertThat(cache.room()).isPositive();
            put(cache, 2);
            put(cache, 3);
            assertThat(get(cache, 2)).isEqualTo(chunk(2));
            assertThat(cache.room()).isPositive();
        }
        try (ChunkCache cache = ChunkCache.open(folder, 1 << 20)) {
            for (int i = 1; i <= 3; i++) {
                assertThat(get(cache, i)).as("none lies behind the gap").isEqualTo(chunk(i));
            }
        }
    }

    @Test
    void aDiskThatStaysFullGetsNoFileForEachTry() throws Exception {
        try (ChunkCache cache = onFullDisk()) {
            put(cache, 1);
            full(true);
            for (int times = 0; times < 20; times++) {
                put(cache, 2);
                clock.now += ChunkCache.PAUSE.toNanos();
            }
            try (Stream<Path> left = Files.list(folder)) {
                assertThat(left).hasSize(1);
            }
            assertThat(files.stream().filter(FileChannel::isOpen)).hasSize(1);
            assertThat(files).hasSize(20);
            assertThat(cache.bytes()).isLessThan(3 * LENGTH);
        }
    }

    @Test
    void aDiskThatIsFullAgainAndAgainGetsNoMoreFilesThanAFullCacheHas() throws Exception {
        try (ChunkCache cache = onFullDisk()) {
            for (int times = 0; times < 50; times++) {
                full(false);
                put(cache, 2 * times);
                assertThat(get(cache, 2 * times)).isNotNull();
                full(true);
                put(cache, 2 * times + 1);
                clock.now += ChunkCache.PAUSE.toNanos();
            }
            try (Stream<Path> left = Files.list(folder)) {
                assertThat(left).hasSize(18);
            }
            assertThat(cache.bytes()).isEqualTo(18L * 2 * ChunkCache.bytesOf(LENGTH));
        }
    }
}
