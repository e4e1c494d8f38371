package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The demo as a program sees it: one JSON document, and equal weights. */
class DemoIT {
    @TempDir Path folder;

    @Test
    void theTrainingEndsWithTheSameWeights() throws Exception {
        Process demo = new ProcessBuilder(UpIT.command("demo", "-o", "json")).redirectError(folder.resolve("said").toFile()).start();
        String out = new String(demo.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(demo.waitFor()).as("%s%n%s", out, java.nio.file.Files.readString(folder.resolve("said"))).isZero();
        JsonObject report = new JsonObject(out);
        assertThat(report.getBoolean("equal")).as(out).isTrue();
        JsonArray operations = report.getJsonArray("operations");
        Set<String> kinds = new HashSet<>();
        for (int i = 0; i < operations.size(); i++) {
            kinds.add(operations.getJsonObject(i).getString("kind"));
        }
        assertThat(kinds).contains("CHECKPOINT", "MIGRATE", "SUSPEND", "RESUME", "RESTORE");
    }
}
