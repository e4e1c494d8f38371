package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.PhaseTime;
import dev.ferry.proto.v1.Step;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Chunks that go from daemon to daemon, each in a network of its own: all of them, and only so many before nothing comes any more. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PeerIT {
    private static final long NOISE = 48L << 20;
    private static final long LET_PASS = 8L << 20;
    private static final Pattern LISTENS = Pattern.compile("may ask this one for chunks at \\S+:(\\d+)");
    private static final long TOOL_SECONDS = 20;

    /** Has memory that can't be compressed, other than that of any other run, and ends when it is not what it was. */
    private static final String NOISY =
            """
            import hashlib, os, sys, time
            memory = os.urandom(%d)
            right = hashlib.sha256(memory).digest()
            step = 0
            while hashlib.sha256(memory).digest() == right:
                print("step", step, flush=True)
                step += 1
                time.sleep(0.05)
            sys.exit(3)
            """
                    .formatted(NOISE);

    @TempDir static Path folder;
    private Scene scene;

    @BeforeAll
    void open() throws Exception {
        scene = new Scene(folder);
    }

    @AfterAll
    void close() throws Exception {
        scene.close();
    }

    private Job run() {
        return scene.run(JobSpec.newBuilder().addAllCommand(List.of("/usr/bin/python3", "-c", NOISY)).setMemoryBytes(256L << 20));
    }

    private Operation move(Job job) {
        Operation moved = scene.awaitEnd(scene.migrate(job.getId()));
        assertThat(moved.getState()).as(moved.toString()).isEqualTo(OperationState.SUCCEEDED);
        return moved;
    }

    private static Step restore(Operation operation) {
        return operation.getStepsList().stream().filter(step -> step.getName().equals("RESTORE")).findFirst().orElseThrow(() -> new AssertionError("no restore: " + operation));
    }

    private static long bytes(Operation operation, String phase) {
        return restore(operation).getPhasesList().stream().filter(each -> each.getName().equals(phase)).mapToLong(PhaseTime::getBytes).sum();
    }

    @Test
    void aJobComesFromTheNodeThatHadItAndBackFromTheCache() {
        Job job = run();
        Operation there = move(job);
        assertThat(bytes(there, "from peer")).as(there.toString()).isGreaterThan(NOISE);
        assertThat(bytes(there, "from store")).as(there.toString()).isZero();
        scene.assertRunsOnceWithoutGap(job.getId());
        Operation back = move(job);
        assertThat(bytes(back, "from cache")).as("what was saved here is here: " + back).isGreaterThan(NOISE * 9 / 10);
        assertThat(bytes(back, "from store")).as(back.toString()).isZero();
        scene.assertRunsOnceWithoutGap(job.getId());
        scene.cancel(job.getId());
    }

    /** As by a firewall that drops what it does not like, or a machine that dies: nobody is told. */
    @Test
    void theStoreGivesWhatAPeerDoesNotGiveAnyMore() throws Exception {
        Job job = run();
        int source = Scene.nodeNumber(job.getNode());
        tool(source, "nft", "add table inet ferry-peers");
        tool(source, "nft", "add chain inet ferry-peers out { type filter hook output priority 0; }");
        tool(source, "nft", "add rule inet ferry-peers out tcp sport " + port(source) + " quota over " + (LET_PASS >> 20) + " mbytes drop");
        try {
            Operation moved = move(job);
            assertThat(bytes(moved, "from peer")).as(moved.toString()).isBetween(1L, LET_PASS);
            assertThat(bytes(moved, "from store")).as(moved.toString()).isGreaterThan(NOISE - LET_PASS);
            assertThat(restore(moved).getEndedAt() - restore(moved).getStartedAt()).as("milliseconds, of which the peer has cost two seconds: " + moved).isLessThan(15_000);
            scene.assertRunsOnceWithoutGap(job.getId());
            scene.cancel(job.getId());
        } finally {
            tool(source, "nft", "delete table inet ferry-peers");
        }
    }

    private String port(int node) throws Exception {
        Matcher listens = LISTENS.matcher(Files.readString(scene.cluster.logOf("node-" + node)));
        assertThat(listens.find()).isTrue();
        return listens.group(1);
    }

    private void tool(int node, String... words) throws Exception {
        List<String> command = new ArrayList<>(scene.cluster.enter(node));
        command.addAll(List.of(words));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        assertThat(process.waitFor(TOOL_SECONDS, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8)).isZero();
    }
}
