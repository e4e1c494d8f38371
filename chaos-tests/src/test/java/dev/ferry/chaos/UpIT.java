package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.storage.object.S3Server;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code ferry up} and the verbs as a user types them: jobs outlive a stop and a start, in a folder and in an S3 server. */
class UpIT {
    private static final Pattern READY = Pattern.compile("^ready grpc=(\\S+) http=(\\S+)", Pattern.MULTILINE);
    private static final Set<String> SETS_UP = Set.of("up", "demo");
    private static final long STOP_SECONDS = 60;
    private static final Duration START = Duration.ofMinutes(3);

    @TempDir Path folder;
    private Process up;
    private String server;

    @AfterEach
    void stop() throws Exception {
        if (up != null && up.isAlive()) {
            up.destroy();
            assertThat(up.waitFor(STOP_SECONDS, TimeUnit.SECONDS)).as("it stops on SIGTERM").isTrue();
        }
    }

    static List<String> command(String... words) {
        if (!SETS_UP.contains(words[0])) {
            // As a user does, and in a tenth of the time.
            return Stream.concat(Stream.of(System.getProperty("ferry.launcher")), Stream.of(words)).toList();
        }
        // The product itself: the launcher would set the machine up first.
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "--enable-native-access=ALL-UNNAMED"));
        command.addAll(List.of("-Dferry.launcher=" + System.getProperty("ferry.launcher"), "-Dferry.root=" + System.getProperty("ferry.root")));
        command.addAll(List.of("-cp", Path.of(System.getProperty("ferry.root"), "cli/target/dist/lib") + "/*", "dev.ferry.cli.Main"));
        command.addAll(List.of(words));
        return command;
    }

    private void start(String... more) throws IOException {
        Path log = folder.resolve("up.log");
        Files.deleteIfExists(log);
        List<String> words = new ArrayList<>(List.of("up", "--data", folder.resolve("data").toString(), "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"));
        words.addAll(List.of(more));
        up = new ProcessBuilder(command(words.toArray(String[]::new))).redirectErrorStream(true).redirectOutput(log.toFile()).start();
        // Three JVMs, each of which is given longer than that, on a machine that others use too.
        await().atMost(START).until(() -> !up.isAlive() || READY.matcher(Files.readString(log)).find());
        Matcher ready = READY.matcher(Files.readString(log));
        assertThat(ready.find()).as(Files.readString(log)).isTrue();
        server = ready.group(1);
    }

    private String ferry(String... words) throws Exception {
        List<String> all = new ArrayList<>(List.of(words));
        int dashes = all.indexOf("--");
        all.addAll(dashes < 0 ? all.size() : dashes, List.of("--server", server));
        Process process = new ProcessBuilder(command(all.toArray(String[]::new))).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as("ferry %s: %s", String.join(" ", words), said).isZero();
        return said;
    }

    private List<String> steps() throws Exception {
        return ferry("logs", "steps").lines().toList();
    }

    private void jobOutlivesAStop(String... options) throws Exception {
        start(options);
        String id = ferry("run", "--name", "steps", "--notify-signal", "WINCH", "--notify-file", "/scratch/ferry", "--notify-grace", "100ms", "--", "sh", "-c", "i=0; while :; do echo step $i; i=$((i+1)); sleep 0.05; done").trim();
        await().atMost(Scene.SOON).until(() -> steps().size() > 10);
        assertClosedToOthers("node-1/jobs", "node-2/jobs", "coordinator");
        JsonObject spec = new JsonObject(ferry("show", "steps", "-o", "json")).getJsonObject("spec");
        assertThat(List.of(spec.getInteger("notifySignal"), spec.getString("notifyFile"), spec.getString("notifyGraceMillis"))).containsExactly(28, "/scratch/ferry", "100");
        JsonObject moved = new JsonObject(ferry("migrate", "steps", "-o", "json"));
        assertThat(moved.getString("state")).isEqualTo("SUCCEEDED");
        if (options.length > 0) {
            assertThat(moved.encode()).as("of a store over the network chunks go straight from node to node").contains("from peer");
        }
        JsonObject ofNode = new JsonObject(ferry("drill", "node", moved.getString("targetNode"), "--notice", "60s", "-o", "json"));
        assertThat(ofNode.getJsonArray("jobs").getJsonObject(0).getString("outcome")).as(ofNode.encode()).isEqualTo("WOULD_BE_SAVED");
        assertThat(ferry("drill", "restore", "--sample", "1")).contains("CAN_BE_RESTORED", id);
        assertThat(ferry("drill", "list")).contains(ofNode.getString("id"), "restore", "node");
        // The number that the jars carry.
        assertThat(ferry("version")).containsPattern("(?s)^ferry \\d.*coordinator \\d");
        assertThat(ferry("node", "show", "node-1")).containsPattern("Ferry \\d");
        int before = steps().size();
        stop();
        assertThat(Files.readString(folder.resolve("up.log"))).contains(id + " is in image");
        start(options);
        await().atMost(Scene.SOON).until(() -> steps().size() > before + 10);
        List<String> all = steps();
        assertThat(all).isEqualTo(IntStream.range(0, all.size()).mapToObj(step -> "step " + step).toList());
        JsonArray jobs = new JsonObject(ferry("ps", "-o", "json")).getJsonArray("jobs");
        assertThat(jobs).hasSize(1);
        assertThat(jobs.getJsonObject(0).getString("incarnation")).isEqualTo("3");
        assertThat(ferry("ps")).contains(id, "steps", "RUNNING");
        assertThat(ferry("cancel", "steps")).contains("KILL");
        // Its lives on both nodes, its images and its record: nothing is left.
        assertThat(homes(id)).anyMatch(Files::exists);
        assertThat(ferry("job", "delete", "steps", "--images")).startsWith(id + " is deleted, with ");
        assertThat(homes(id)).noneMatch(Files::exists);
        assertThat(new JsonObject(ferry("ps", "--all", "-o", "json")).getJsonArray("jobs", new JsonArray())).isEmpty();
        assertThat(ferry("images", "-o", "json") + ferry("operations", "-o", "json")).doesNotContain(id);
    }

    /** Where nodes keep a job. */
    private List<Path> homes(String job) {
        return List.of(folder.resolve("data/node-1/jobs").resolve(job), folder.resolve("data/node-2/jobs").resolve(job));
    }

    /** Another user of the machine must reach no job's files, nor a program that a job has made setuid. */
    private void assertClosedToOthers(String... names) throws Exception {
        for (String name : names) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.resolve("data").resolve(name)))).as(name).isEqualTo("rwx------");
        }
    }

    @Test
    void jobsOutliveAStopInAFolder() throws Exception {
        jobOutlivesAStop();
    }

    @Test
    void partsThatAreKilledAreStartedAgain() throws Exception {
        start();
        Path log = folder.resolve("up.log");
        String ignored = ferry("run", "--name", "steps", "--", "sh", "-c", "i=0; while :; do echo step $i; i=$((i+1)); sleep 0.05; done");
        for (String part : List.of("coordinator", "node-1", "node-2")) {
            kill(part);
            await().atMost(START).until(() -> Files.readString(log).lines().anyMatch(line -> line.toLowerCase(Locale.ROOT).matches(".*" + part + " is there again")));
        }
        int before = steps().size();
        await().atMost(Scene.SOON).until(() -> steps().size() > before);
        List<String> all = steps();
        assertThat(all).isEqualTo(IntStream.range(0, all.size()).mapToObj(step -> "step " + step).toList());
        // Unasked, in the very moment of the stop: the jobs are suspended by the one that follows.
        kill("coordinator");
        stop();
        assertThat(Files.readString(log)).contains("ended with status 137", " is in image");
    }

    /** A process handle knows only the first 4 KiB of a command line. */
    private static String commandLine(ProcessHandle process) {
        try {
            return Files.readString(Path.of("/proc", Long.toString(process.pid()), "cmdline"));
        } catch (IOException ended) {
            return "";
        }
    }

    private void kill(String part) {
        String config = folder.resolve("data/conf/" + part + ".yaml").toString();
        List<ProcessHandle> found = up.descendants().filter(process -> commandLine(process).contains(config)).toList();
        assertThat(found).as("the process of %s", part).isNotEmpty().allSatisfy(process -> assertThat(process.destroyForcibly()).isTrue());
    }

    @Test
    void jobsOutliveAStopInAnS3Server() throws Exception {
        try (S3Server s3 = new S3Server(Files.createDirectory(folder.resolve("s3")), false)) {
            jobOutlivesAStop("--store", "s3://" + S3Server.BUCKET + "/up?endpoint=" + s3.endpoint());
            stop();
        }
    }
}
