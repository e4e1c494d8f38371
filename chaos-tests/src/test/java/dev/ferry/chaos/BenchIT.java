package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.cli.bench.Bench;
import dev.ferry.cli.bench.Results;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The benchmark measures real things, however small: it needs all of dump, restore, both kinds of migration, and the peers. */
class BenchIT {
    private static final String PODMAN = "against podman";

    @TempDir static Path folder;

    private static Bench.Plan plan(String name, int mebibytes) {
        return new Bench.Plan(mebibytes, 1, folder.resolve(name), Path.of("/dev/shm/ferry-bench-it-" + ProcessHandle.current().pid() + "-" + name));
    }

    @Test
    void everyFigureIsMeasuredAndNothingIsLeft() throws Exception {
        Bench.Plan plan = plan("all", 48);
        Results results = Bench.run(plan, System.err);
        assertThat(results.json())
                .contains("freeze of a checkpoint that goes on running")
                .contains("freeze of the first checkpoint")
                .contains("outage of a full migration, memory new")
                .contains("outage of a live migration")
                .contains("restore, memory warm")
                .contains("CPU of a first image: hash and compress")
                .contains("jobs that loaded the same");
        // It is there, or the conditions say why not.
        assertThat(results.json()).containsAnyOf(PODMAN, "\"podman\": \"not measured: podman is not installed\"", "\"podman\": \"not measured: runc is not installed\"");
        assertThat(results.json()).containsAnyOf("PyTorch training on processors: outage of a full migration", "\"PyTorch\": \"not measured: /usr/bin/python3");
        assertThat(results.table()).doesNotContain("NaN").doesNotContain("Infinity");
        assertThat(results.svg()).startsWith("<svg");
        assertNothingIsLeft(plan);
    }

    @Test
    void freezesAreMeasuredBySizeAndByProcesses() throws Exception {
        Bench.Plan plan = plan("series", 32);
        Results results = Bench.grow(plan, List.of(1, 3), System.err);
        assertThat(results.table()).contains("| 32 MiB | 1 |").contains("| 32 MiB | 3 |").doesNotContain("NaN").doesNotContain("Infinity");
        assertThat(results.json()).contains("\"bySize\"").contains("\"processes\": 3");
        assertThat(results.svg()).startsWith("<svg").endsWith("</svg>\n");
        assertNothingIsLeft(plan);
    }

    private static void assertNothingIsLeft(Bench.Plan plan) {
        assertThat(plan.folder()).doesNotExist();
        assertThat(plan.memory()).doesNotExist();
        // The watchdogs end by themselves when nothing is left to watch.
        await().atMost(Scene.SOON).untilAsserted(() -> assertThat(ProcessHandle.allProcesses().filter(process -> isOf(process.pid(), plan.folder()))).isEmpty());
    }

    private static boolean isOf(long pid, Path folder) {
        try {
            return Files.readString(Path.of("/proc", Long.toString(pid), "cmdline"), java.nio.charset.StandardCharsets.ISO_8859_1).contains(folder.toString());
        } catch (java.io.IOException gone) {
            return false;
        }
    }
}
