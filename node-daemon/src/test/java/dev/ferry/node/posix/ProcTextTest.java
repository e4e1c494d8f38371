package dev.ferry.node.posix;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProcTextTest {
    private static final int MEBIBYTE = 1 << 20;
    private static final String MAPPED = "7f0000010000-7f0000011000 rw-s 00000000 fe:00 88                         /";

    @TempDir Path folder;

    @Test
    void ofWhatIsLongOnlyTheBeginIsRead() throws Exception {
        Path file = Files.writeString(folder.resolve("environ"), "A=1\0" + "x".repeat(3 * MEBIBYTE));
        assertThat(ProcText.begin(file)).startsWith("A=1\0x").hasSize(MEBIBYTE);
    }

    @Test
    void ofALongLineOnlyTheBeginIsKept() throws Exception {
        Path file = Files.writeString(folder.resolve("maps"), MAPPED + "x".repeat(3 * MEBIBYTE) + "\n" + MAPPED + "short\n\nlast");
        List<String> lines = new ArrayList<>();
        ProcText.lines(file, lines::add);
        assertThat(lines).hasSize(4).satisfies(all -> assertThat(all.getFirst()).startsWith(MAPPED).hasSizeLessThan(300));
        assertThat(lines.subList(1, 4)).containsExactly(MAPPED + "short", "", "last");
    }

    @Test
    void readsAProcess() throws Exception {
        List<String> lines = new ArrayList<>();
        ProcText.lines(Path.of("/proc/self/maps"), lines::add);
        assertThat(lines).anyMatch(line -> line.endsWith("[stack]"));
        assertThat(ProcText.begin(Path.of("/proc/self/environ"))).contains("PATH=");
    }
}
