package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.cli.bench.Bench;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The benchmark measures real things, however small: it needs all of dump, restore, both kinds of migration, and the peers. */
class BenchIT {
    @TempDir static Path folder;

    @Test
    void everyFigureIsMeasuredAndNothingIsLeft() throws Exception {
        Path disk = folder.resolve("disk");
        Path memory = Path.of("/dev/shm/ferry-bench-it-" + ProcessHandle.current().pid());
        Bench.Results results = Bench.run(new Bench.Plan(48, 1, disk, memory), System.err);
        assertThat(results.json())
                .contains("freeze of a checkpoint that goes on running")
                .contains("outage of a full migration, memory new")
                .contains("outage of a live migration")
                .contains("restore, memory warm")
                .contains("CPU of a first image: hash and compress")
                .contains("jobs that loaded the same");
        assertThat(results.table()).doesNotContain("NaN").doesNotContain("Infinity");
        assertThat(results.svg()).startsWith("<svg");
        assertThat(disk).doesNotExist();
        assertThat(memory).doesNotExist();
        assertThat(ProcessHandle.allProcesses().filter(process -> isOf(process.pid(), disk))).isEmpty();
    }

    private static boolean isOf(long pid, Path folder) {
        try {
            return Files.readString(Path.of("/proc", Long.toString(pid), "cmdline"), java.nio.charset.StandardCharsets.ISO_8859_1).contains(folder.toString());
        } catch (java.io.IOException gone) {
            return false;
        }
    }
}
