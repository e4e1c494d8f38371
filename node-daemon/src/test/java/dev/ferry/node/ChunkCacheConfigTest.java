package dev.ferry.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.Configs;
import dev.ferry.common.FerryException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChunkCacheConfigTest {
    private static final long USUAL = 2L << 30;

    @TempDir Path folder;

    private long bytes(String store, String more) throws IOException {
        Path data = Files.createDirectories(folder.resolve("node"));
        return Configs.parse("name: n\ndata: " + data + "\nstore: {url: '" + store + "'}\n" + more, "the test", NodeConfig.defaults()).chunkCacheBytes();
    }

    @Test
    void aStoreElsewhereHasACacheAndOneOnTheSameDiskHasNone() throws IOException {
        Path store = Files.createDirectories(folder.resolve("store"));
        assertThat(bytes("s3://bucket/prefix", "")).isEqualTo(USUAL);
        assertThat(bytes("file:///proc", "")).as("another file system").isEqualTo(USUAL);
        assertThat(bytes("file://" + store, "")).isZero();
        assertThat(bytes("file://" + folder.resolve("not/there/yet"), "")).isZero();
    }

    @Test
    void whatIsAskedForHolds() throws IOException {
        Path store = Files.createDirectories(folder.resolve("store"));
        assertThat(bytes("file://" + store, "chunkCache: 3MiB")).isEqualTo(3 << 20);
        assertThat(bytes("s3://bucket/prefix", "chunkCache: 0")).isZero();
        assertThatThrownBy(() -> bytes("s3://bucket/prefix", "chunkCache: some")).isInstanceOf(FerryException.class).hasMessageContaining("chunkCache");
    }
}
