package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The kit is made and does its checks in a bare root file system, where it must bring all that it needs. */
class GpuKitIT {
    private static final long MOST_BYTES = 60L << 20;

    @TempDir Path folder;

    @Test
    void itRunsWhereNothingIsInstalled() throws Exception {
        Path root = Path.of(System.getProperty("ferry.root")).toAbsolutePath().normalize();
        BareRoot bare = BareRoot.make(folder.resolve("root"));
        Path kit = bare.path("kit");
        Path log = folder.resolve("log");
        ProcessBuilder make = new ProcessBuilder(List.of(root.resolve("tools/kit.sh").toString(), "--out", kit.toString())).redirectErrorStream(true).redirectOutput(log.toFile());
        make.environment().put("FERRY_JAVA_HOME", System.getProperty("java.home"));
        make.environment().putIfAbsent("FERRY_TOOLS", "/var/lib/ferry/tools");
        assertThat(make.start().waitFor()).as(Files.readString(log)).isZero();
        assertThat(kit).isNotEmptyFile();
        assertThat(Files.size(kit)).isLessThanOrEqualTo(MOST_BYTES);

        int status = bare.run("cd /opt && sh /kit && cd /root && /opt/ferry-kit/run --out report --gpus stand-in:1xH100:580:1GiB --gpu-memory 2MiB", log);
        assertThat(status).as(Files.readString(log)).isZero();
        JsonObject report = new JsonObject(Files.readString(bare.path("root/report/report.json")));
        assertThat(report.getString("gpu")).isEqualTo("stand-in");
        assertThat(report.getJsonObject("machine").getString("system")).isEqualTo("a bare root");
        assertThat(report.getJsonArray("doctor").stream().map(check -> ((JsonObject) check).getString("status"))).containsOnly("OK");
        assertThat(report.getJsonArray("trials").getJsonObject(0).getString("compared")).startsWith("bit-identical over ");
        // It leaves the report and nothing else.
        assertThat(bare.path("run")).isEmptyDirectory();
        assertThat(bare.path("var/tmp")).isEmptyDirectory();
    }
}
