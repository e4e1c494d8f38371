package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.ferry.cli.bench.GpuBench;
import dev.ferry.cli.bench.GpuReport;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The checks of a machine with GPUs, for real: a cluster, jobs, CRIU, the driver's calls. On the stand-in here, with {@code ./ferry test --gpu} on real ones too. */
class GpuBenchIT {
    private static final int DEVICE_MEBIBYTES = 2;

    @TempDir Path folder;

    private GpuBench.Plan plan(String gpus, int mebibytes, Duration within) {
        return new GpuBench.Plan(folder.resolve("work"), folder.resolve("report"), gpus, mebibytes, within);
    }

    @Test
    void aProgramGoesThroughEverythingAndIsBitIdentical() throws Exception {
        GpuReport report = GpuBench.run(plan("stand-in:2xH100:580:1GiB", DEVICE_MEBIBYTES, Duration.ofMinutes(5)), System.err);
        assertThat(report.good()).as(report.text()).isTrue();
        JsonObject written = new JsonObject(Files.readString(folder.resolve("report/report.json")));
        assertThat(written.getString("gpu")).isEqualTo("stand-in");
        assertThat(written.getBoolean("good")).isTrue();
        assertThat(written.getJsonArray("doctor").stream().map(check -> ((JsonObject) check).getString("name"))).contains("criu", "gpu", "save, restore");
        JsonObject first = written.getJsonArray("trials").getJsonObject(0);
        assertThat(first.getString("compared")).startsWith("bit-identical over ");
        JsonArray acts = first.getJsonArray("acts");
        assertThat(acts.stream().map(act -> ((JsonObject) act).getString("name"))).containsExactly("checkpoint, it runs on", "park, resume", "save to the store, restore in a new sandbox");
        assertThat(parts(acts, 0)).contains("lock", "device to host", "freeze", "dump", "store", "host to device", "unlock", "all");
        assertThat(parts(acts, 1)).contains("lock", "device to host", "freeze", "host to device", "unlock", "all").doesNotContain("dump");
        assertThat(parts(acts, 2)).contains("lock", "device to host", "freeze", "dump", "store", "restore", "host to device", "unlock", "all");
        // Either there, or said why not.
        JsonObject training = written.getJsonArray("trials").getJsonObject(1);
        assertThat(training.getString("verdict")).isEqualTo("NOT_TRIED");
        assertThat(training.getString("compared")).startsWith("not tried: ");
        JsonObject driver = written.getJsonObject("driver");
        assertThat(driver.getJsonObject("gigabytesPerSecond").fieldNames()).containsExactly("h2d", "d2h");
        assertThat(driver.getJsonObject("milliseconds").fieldNames()).containsExactly("lock", "checkpoint", "restore", "unlock");
        assertThat(Files.readString(folder.resolve("report/report.md"))).contains("**gpu: stand-in.**", "| call checkpoint |", "the last line of both is").doesNotContain("NaN").doesNotContain("Infinity");
        assertThat(folder.resolve("work")).doesNotExist();
    }

    private static List<String> parts(JsonArray acts, int act) {
        return List.copyOf(acts.getJsonObject(act).getJsonObject("milliseconds").fieldNames());
    }

    @Test
    void whatTheDriverLacksIsQuotedAndTheRestIsTried() throws Exception {
        // Its library knows no checkpoint functions: Ferry takes the program cuda-checkpoint, the driver's calls alone can't be made.
        GpuReport report = GpuBench.run(plan("stand-in:1xH100:550:1GiB", DEVICE_MEBIBYTES, Duration.ofMinutes(5)), System.err);
        assertThat(report.good()).isFalse();
        assertThat(report.trials().getFirst().verdict()).as(report.text()).isEqualTo(GpuReport.Verdict.WORKS);
        assertThat(report.driver().orElseThrow().refusals()).singleElement().satisfies(refusal -> assertThat(refusal.evidence()).contains("refused: the driver's library has no cuCheckpointProcessLock"));
        assertThat(report.text()).contains("Not everything works", "the driver's library has no cuCheckpointProcessLock");
    }

    @Test
    void theGpusOfThisMachineWork() throws Exception {
        assumeThat(Boolean.getBoolean("ferry.gpu")).as("asked for by ./ferry test --gpu").isTrue();
        GpuReport report = GpuBench.run(plan("", 1024, GpuBench.within()), System.err);
        System.err.println(report.text());
        assertThat(report.good()).as(report.text()).isTrue();
    }
}
