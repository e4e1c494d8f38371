package dev.ferry.common;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DurableFileTest {
    @TempDir Path folder;

    @Test
    void aSpareFileBecomesTheFileAndNothingOfItIsLeft() throws Exception {
        Path file = folder.resolve("file");
        Path spare = folder.resolve("spare");
        DurableFile.write(file, "old".getBytes(StandardCharsets.UTF_8));
        Files.write(spare, new byte[10_000]);
        DurableFile.writeInto(spare, file, "the new content".getBytes(StandardCharsets.UTF_8));
        assertThat(file).hasContent("the new content");
        assertThat(folder).isDirectoryNotContaining(left -> !left.equals(file));
    }

    @Test
    void aFullDiskIsToldFromOtherFailures() {
        assertThat(DurableFile.isFull(new IOException("/data/x: No space left on device"))).isTrue();
        assertThat(DurableFile.isFull(new IOException("Disk quota exceeded"))).isTrue();
        assertThat(DurableFile.isFull(new IOException("Input/output error"))).isFalse();
        assertThat(DurableFile.isFull(new IOException())).isFalse();
    }
}
