package dev.ferry.node.hooks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import dev.ferry.common.Errors;
import dev.ferry.common.Ids;
import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.EvacuationState;
import dev.ferry.proto.v1.EvacuationWord;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Hooks as programs in control groups of the real kernel, and as requests to a real server. */
class HooksIT {
    private static final Duration LONG = Duration.ofSeconds(60);
    private static final HookFacts FACTS = new HookFacts(Map.of("node", "node-1", "job", "j-aaaaaaaa", "jobName", "a \"name\"", "incarnation", 3));

    @TempDir Path folder;
    private final String group = "ferry-test-" + Ids.random(6);
    private final List<String> phases = new CopyOnWriteArrayList<>();
    private CgroupLayout layout;

    @BeforeEach
    void make() throws Exception {
        layout = CgroupLayout.ofThisMachine();
    }

    @AfterEach
    void remove() throws Exception {
        JobCgroup hooks = new JobCgroup(layout, group + ".hooks");
        hooks.killAll();
        hooks.remove();
    }

    private Hooks open(HookConfig... hooks) throws Exception {
        return Hooks.open(List.of(hooks), layout, group, folder.resolve("hooks"));
    }

    private static HookConfig shell(HookEvent event, String script, String timeout, String onFailure) {
        return new HookConfig(event.word(), List.of("/bin/sh", "-c", script), "", timeout, onFailure);
    }

    private void ask(Hooks hooks, Duration left) throws InterruptedException {
        hooks.ask(HookEvent.BEFORE_DUMP, FACTS, left, (phase, nanos) -> phases.add(phase));
    }

    @Test
    void aProgramIsToldTheFactsOnItsInputAndInItsEnvironment() throws Exception {
        Path told = folder.resolve("told");
        try (Hooks hooks = open(shell(HookEvent.BEFORE_DUMP, "cat > " + told + "; echo \"$FERRY_HOOK|$FERRY_JOB|$FERRY_JOB_NAME|$FERRY_INCARNATION|$FERRY_NODE\" > " + told + ".env", "10s", "refuse"))) {
            ask(hooks, LONG);
        }
        assertThat(new ObjectMapper().readTree(Files.readString(told))).isEqualTo(new ObjectMapper().readTree("{\"hook\": \"before-dump\", \"node\": \"node-1\", \"job\": \"j-aaaaaaaa\", \"jobName\": \"a \\\"name\\\"\", \"incarnation\": 3}"));
        assertThat(Files.readString(folder.resolve("told.env"))).isEqualTo("before-dump|j-aaaaaaaa|a \"name\"|3|node-1\n");
        assertThat(phases).containsExactly("hook before-dump");
    }

    @Test
    void aRefusalQuotesTheLastLineAndEndsTheRow() throws Exception {
        Path second = folder.resolve("second");
        try (Hooks hooks = open(shell(HookEvent.BEFORE_DUMP, "echo first; echo the database is busy >&2; exit 75", "10s", "refuse"), shell(HookEvent.BEFORE_DUMP, "touch " + second, "10s", "refuse"))) {
            assertThatThrownBy(() -> ask(hooks, LONG)).satisfies(failed -> assertThat(Errors.detailOf(failed).getCode()).isEqualTo(ErrorCode.HOOK_REFUSED)).hasMessageContaining("(before-dump) of node node-1 ended with status 75: the database is busy");
        }
        assertThat(second).doesNotExist();
        assertThat(phases).containsExactly("hook before-dump failed");
    }

    @Test
    void aFailureThatIsIgnoredStandsInTheRecordOnly() throws Exception {
        try (Hooks hooks = open(shell(HookEvent.BEFORE_DUMP, "exit 1", "10s", "ignore"), shell(HookEvent.BEFORE_DUMP, "exit 0", "10s", "refuse"))) {
            ask(hooks, LONG);
        }
        assertThat(phases).containsExactly("hook before-dump failed", "hook before-dump");
    }

    @Test
    void whatIsNoProgramFails() throws Exception {
        try (Hooks hooks = open(new HookConfig("before-dump", List.of("/nowhere/hook"), "", "10s", "refuse"))) {
            assertThatThrownBy(() -> ask(hooks, LONG)).hasMessageContaining("No such file");
        }
    }

    private void askUntilInterrupted(Hooks hooks) {
        try {
            ask(hooks, Duration.ofHours(1));
        } catch (InterruptedException closed) {
            Thread.currentThread().interrupt();
        }
    }

    private long pid(Path file) {
        await().atMost(LONG).until(() -> Files.exists(file) && Files.readString(file).endsWith("\n"));
        try {
            return Long.parseLong(Files.readString(file).strip());
        } catch (java.io.IOException gone) {
            throw new AssertionError(gone);
        }
    }

    /** A zombie is dead, though whoever adopted it may not have noticed yet. */
    private static boolean lives(long pid) throws java.io.IOException {
        Path status = Path.of("/proc", Long.toString(pid), "status");
        try {
            return Files.readAllLines(status).stream().noneMatch(line -> line.startsWith("State:\tZ") || line.startsWith("State:\tX"));
        } catch (java.nio.file.NoSuchFileException gone) {
            return false;
        }
    }

    @Test
    void theEndOfItsTimeKillsAllThatAHookHasBegun() throws Exception {
        Path child = folder.resolve("child");
        try (Hooks hooks = open(shell(HookEvent.BEFORE_DUMP, "setsid sh -c 'echo $$ > " + child + "; exec sleep 600' & sleep 600", "2s", "refuse"))) {
            assertThatThrownBy(() -> ask(hooks, LONG)).hasMessageContaining("did not end within 2000 ms");
        }
        assertThat(lives(pid(child))).isFalse();
    }

    @Test
    void anOrderWithLessTimeLeftEndsTheHookSooner() throws Exception {
        try (Hooks hooks = open(shell(HookEvent.BEFORE_DUMP, "sleep 600", "1h", "refuse"))) {
            assertThatThrownBy(() -> ask(hooks, Duration.ofMillis(300))).hasMessageContaining("did not end within 300 ms");
        }
    }

    @Test
    void whatAHookLeavesBehindIsKilled() throws Exception {
        Path child = folder.resolve("child");
        try (Hooks hooks = open(shell(HookEvent.BEFORE_DUMP, "setsid sh -c 'echo $$ > " + child + "; exec sleep 600' & until [ -s " + child + " ]; do :; done", "10s", "refuse"))) {
            ask(hooks, LONG);
        }
        assertThat(lives(pid(child))).isFalse();
    }

    @Test
    void whatAnEarlierDaemonsHookLeftIsKilledAtTheStart() throws Exception {
        Path child = folder.resolve("child");
        Hooks killed = open(shell(HookEvent.BEFORE_DUMP, "echo $$ > " + child + "; exec sleep 600", "1h", "ignore"));
        Thread daemon = Thread.ofPlatform().start(() -> askUntilInterrupted(killed));
        long pid = pid(child);
        try (Hooks next = open()) {
            assertThat(lives(pid)).isFalse();
        }
        daemon.interrupt();
        daemon.join();
    }

    @Test
    void anAddressIsPostedTheFacts() throws Exception {
        List<String> got = new CopyOnWriteArrayList<>();
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext(
                "/",
                exchange -> {
                    got.add(exchange.getRequestMethod() + " " + new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
                    byte[] said = "first\nnot now\n".getBytes(StandardCharsets.UTF_8);
                    boolean well = exchange.getRequestURI().getPath().equals("/well");
                    exchange.sendResponseHeaders(well ? 204 : 409, well ? -1 : said.length);
                    if (!well) {
                        exchange.getResponseBody().write(said);
                    }
                    exchange.close();
                });
        server.start();
        String address = "http://127.0.0.1:" + server.getAddress().getPort();
        try (Hooks hooks = open(new HookConfig("before-dump", List.of(), address + "/well", "10s", "refuse"), new HookConfig("before-dump", List.of(), address + "/refused", "10s", "refuse"))) {
            assertThatThrownBy(() -> ask(hooks, LONG)).hasMessageContaining("/refused").hasMessageContaining("answered 409: not now");
        } finally {
            server.stop(0);
        }
        assertThat(got).hasSize(2).allSatisfy(one -> assertThat(one).startsWith("POST {\"hook\":\"before-dump\"").contains("\"job\":\"j-aaaaaaaa\""));
    }

    private static EvacuationWord word(EvacuationState state) {
        return EvacuationWord.newBuilder().setEvacuation("ev-1").setState(state).setReason("test").setRemainingMillis(1000).build();
    }

    @Test
    void theHooksOfAnEvacuationAreCalledOnceAndGoBeforeItsDumps() throws Exception {
        Path called = folder.resolve("called");
        Path go = folder.resolve("go");
        Files.createFile(called);
        HookConfig before = shell(HookEvent.BEFORE_EVACUATION, "echo $FERRY_HOOK $FERRY_EVACUATION >> " + called + "; until [ -e " + go + " ]; do :; done; echo ended >> " + called, "1h", "ignore");
        HookConfig after = shell(HookEvent.AFTER_EVACUATION, "echo $FERRY_HOOK $FERRY_OUTCOME >> " + called, "10s", "ignore");
        try (Hooks hooks = open(before, after); EvacuationHooks evacuations = new EvacuationHooks(hooks, "node-1", folder.resolve("memory"))) {
            evacuations.awaitBefore(LONG, (phase, nanos) -> phases.add(phase));
            evacuations.told(word(EvacuationState.EVACUATING));
            evacuations.told(word(EvacuationState.EVACUATING));
            Thread dump = Thread.ofPlatform().start(() -> assertThatThrownBy(() -> {
                evacuations.awaitBefore(LONG, (phase, nanos) -> phases.add(phase));
                throw new IllegalStateException(Files.readString(called));
            }).hasMessage("before-evacuation ev-1\nended\n"));
            await().atMost(LONG).until(() -> Files.readString(called).equals("before-evacuation ev-1\n"));
            Files.createFile(go);
            dump.join();
            assertThat(phases).containsExactly("hook before-evacuation");
            evacuations.told(word(EvacuationState.EVACUATED));
            await().atMost(LONG).until(() -> Files.readString(called).endsWith("after-evacuation EVACUATED\n"));
        }
        String whole = Files.readString(called);
        try (Hooks hooks = open(before, after); EvacuationHooks next = new EvacuationHooks(hooks, "node-1", folder.resolve("memory"))) {
            next.told(word(EvacuationState.EVACUATING));
            next.told(word(EvacuationState.EVACUATED));
            next.awaitBefore(LONG, (phase, nanos) -> phases.add(phase));
        }
        assertThat(Files.readString(called)).isEqualTo(whole);
    }
}
