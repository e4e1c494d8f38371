package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.cli.chaos.CriuProcesses;
import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.PhaseTime;
import dev.ferry.proto.v1.StepState;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** kill -9 of each part at each step of a migration: the job ends up running once, without gap or repeat. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class MigrationCrashIT {
    private static final List<String> STEPS = List.of("RESERVE", "CHECK", "DUMP", "COMMIT", "KILL", "RESTORE");
    private static final int SIGUSR1 = 10;
    private static final long LOOK_NANOS = 1_000_000;

    @TempDir static Path folder;
    private Scene scene;
    private Hooked hooks;

    enum Victim {
        COORDINATOR,
        SOURCE,
        TARGET,
        CRIU
    }

    @BeforeAll
    void open() throws Exception {
        hooks = Hooked.make(folder);
        scene = new Scene(folder, "", "", Duration.ofSeconds(2), Map.of(), Optional.empty(), Map.of("hooks", hooks.configuration()));
    }

    @AfterAll
    void close() throws Exception {
        scene.close();
    }

    static Stream<Arguments> killings() {
        List<Arguments> all = new ArrayList<>();
        for (Victim victim : Victim.values()) {
            for (String step : STEPS) {
                boolean criuRuns = step.equals("DUMP") || step.equals("RESTORE");
                if (victim != Victim.CRIU || criuRuns) {
                    all.add(Arguments.of(victim, step));
                }
            }
        }
        return all.stream();
    }

    @ParameterizedTest(name = "{0} killed at {1}")
    @MethodSource("killings")
    void jobRunsOnceAfterKill(Victim victim, String step) throws Exception {
        scene.awaitNodes();
        Job job = scene.run("counter.py", 512, "64");
        int source = Scene.nodeNumber(job.getNode());
        Operation begun = scene.migrate(job.getId());
        boolean reached = scene.awaitStep(begun, step);
        kill(victim, source, step);
        Operation ended = scene.awaitEnd(begun);
        scene.assertRunsOnceWithoutGap(job.getId());
        assertThat(ended.getStepsList()).as(ended.toString()).allSatisfy(each -> assertThat(each.getState()).isNotEqualTo(StepState.STEP_OPEN));
        if (ended.getState() == OperationState.FAILED_OPERATION) {
            assertThat(ended.getError().getMessage()).as("the record says what happened").isNotEmpty();
            assertThat(scene.job(job.getId()).getNode()).isEqualTo(job.getNode());
        }
        assertThat(reached).as("step %s was seen", step).isTrue();
        scene.cancel(job.getId());
    }

    @Test
    void hooksAreCalledAroundAMigrationAndStandInItsRecord() throws Exception {
        scene.awaitNodes();
        Job job = scene.run("counter.py", 256, "16");
        Operation moved = scene.succeed(stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build()));
        String target = scene.job(job.getId()).getNode();
        assertThat(hooks.calls(moved.getId()))
                .containsExactly(
                        "before-dump " + job.getNode() + " ", "before-freeze " + job.getNode() + " ", "after-freeze " + job.getNode() + " ", "after-dump " + job.getNode() + " done", "before-restore " + target + " ", "after-restore " + target + " done");
        assertThat(phases(moved, "DUMP")).containsSubsequence("hook before-dump", "hook before-freeze", "freeze", "hook after-freeze", "dump").doesNotContain("hook after-dump");
        assertThat(phases(moved, "KILL")).containsSubsequence("kill", "hook after-dump");
        assertThat(phases(moved, "RESTORE")).containsSubsequence("hook before-restore", "restore", "hook after-restore");
        scene.assertRunsOnceWithoutGap(job.getId());
        scene.cancel(job.getId());
    }

    private static List<String> phases(Operation operation, String step) {
        return operation.getStepsList().stream().filter(one -> one.getName().equals(step)).flatMap(one -> one.getPhasesList().stream()).map(PhaseTime::getName).toList();
    }

    @ParameterizedTest
    @ValueSource(strings = {"before-dump", "before-freeze"})
    void aHookThatRefusesLeavesTheJobWhereItRuns(String event) throws Exception {
        scene.awaitNodes();
        Job job = scene.run(toldBy(Duration.ofSeconds(60)));
        Operation refused;
        try (Hooked.Order ignored = hooks.order("refuse", event)) {
            refused = scene.fail(ErrorCode.HOOK_REFUSED, stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build()));
        }
        assertThat(refused.getError().getMessage()).contains("(" + event + ")", "ended with status 75: not today");
        assertThat(hooks.calls(refused.getId())).doesNotContain("after-freeze " + job.getNode() + " ");
        assertThat(scene.job(job.getId()).getNode()).isEqualTo(job.getNode());
        assertThat(told(job.getId(), "told")).as("what it was told").isEmpty();
        scene.assertRunsOnceWithoutGap(job.getId());
        scene.cancel(job.getId());
    }

    @ParameterizedTest
    @ValueSource(strings = {"before-dump", "before-freeze", "after-freeze", "after-dump", "before-restore", "after-restore"})
    void jobRunsOnceAfterTheDaemonWasKilledInAHook(String event) throws Exception {
        scene.awaitNodes();
        Job job = scene.run("counter.py", 256, "16");
        Operation begun;
        int killed;
        try (Hooked.Order ignored = hooks.order("hang", event)) {
            begun = scene.migrate(job.getId());
            await().atMost(Scene.SOON).until(() -> hooks.calls(begun.getId()).stream().anyMatch(call -> call.startsWith(event)));
            killed = Scene.nodeNumber(hooks.calls(begun.getId()).getLast().split(" ")[1]);
            scene.cluster.node(killed).kill();
        }
        scene.cluster.startNode(killed);
        Operation ended = scene.awaitEnd(begun);
        assertThat(ended.getStepsList()).as(ended.toString()).allSatisfy(each -> assertThat(each.getState()).isNotEqualTo(StepState.STEP_OPEN));
        scene.assertRunsOnceWithoutGap(job.getId());
        scene.cancel(job.getId());
    }

    /** What the job has been told so far, or how many signals it got. */
    private List<String> told(String job, String by) throws Exception {
        Path seen = scene.cluster.nodeData(Scene.nodeNumber(scene.job(job).getNode())).resolve("jobs").resolve(job).resolve("work").resolve(by);
        return Files.exists(seen) ? Files.readAllLines(seen) : List.of();
    }

    private JobSpec.Builder toldBy(Duration grace, String... arguments) {
        return scene.program("told.py", arguments).setMemoryBytes(256L << 20).setNotifySignal(SIGUSR1).setNotifyFile("/scratch/ferry").setNotifyGraceMillis(grace.toMillis());
    }

    @Test
    void aJobIsToldBeforeItIsFrozenAndWhenItGoesOn() throws Exception {
        scene.awaitNodes();
        Job job = scene.run(toldBy(Duration.ofSeconds(60)));
        Operation saved = scene.succeed(stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
        assertThat(phases(saved, "DUMP")).containsSubsequence("notify", "freeze");
        await().atMost(Scene.SOON).until(() -> told(job.getId(), "told").size() == 2);
        Operation moved = scene.succeed(stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build()));
        await().atMost(Scene.SOON).until(() -> told(job.getId(), "told").size() == 4);
        assertThat(told(job.getId(), "told")).containsExactly("freeze", "thawed", "freeze", "restored");
        await().atMost(Scene.SOON).until(() -> told(job.getId(), "signals").equals(List.of("4")));
        assertThat(scene.job(job.getId()).getNode()).as(moved.toString()).isNotEqualTo(job.getNode());
        scene.assertRunsOnceWithoutGap(job.getId());
        scene.cancel(job.getId());
    }

    @Test
    void aJobThatDoesNotAnswerIsFrozenAllTheSame() throws Exception {
        scene.awaitNodes();
        Duration grace = Duration.ofMillis(700);
        Job job = scene.run(toldBy(grace, "silent"));
        Operation saved = scene.succeed(stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
        assertThat(saved.getStepsList().getFirst().getPhasesList()).filteredOn(phase -> phase.getName().equals("notify")).singleElement().satisfies(phase -> assertThat(phase.getMicros()).isGreaterThanOrEqualTo(grace.toMillis() * 1000));
        scene.cancel(job.getId());
    }

    @Test
    void aDaemonThatWasKilledWhileItWaitedForTheJobTellsThatItGoesOn() throws Exception {
        scene.awaitNodes();
        Job job = scene.run(toldBy(Duration.ofSeconds(60), "silent"));
        Operation begun = scene.begin(stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
        await().atMost(Scene.SOON).until(() -> told(job.getId(), "told").equals(List.of("freeze")));
        scene.killNode(Scene.nodeNumber(job.getNode()));
        assertThat(scene.awaitEnd(begun).getState()).isEqualTo(OperationState.FAILED_OPERATION);
        await().atMost(Scene.SOON).until(() -> told(job.getId(), "told").equals(List.of("freeze", "thawed")));
        scene.assertRunsOnceWithoutGap(job.getId());
        scene.cancel(job.getId());
    }

    private void kill(Victim victim, int source, String step) throws Exception {
        switch (victim) {
            case COORDINATOR -> scene.killCoordinator();
            case SOURCE -> scene.killNode(source);
            case TARGET -> scene.killNode(3 - source);
            case CRIU -> killCriu(step.equals("DUMP") ? "dump" : "restore");
        }
    }

    private static void killCriu(String verb) throws Exception {
        long end = System.nanoTime() + Scene.SOON.toNanos();
        while (System.nanoTime() < end) {
            Optional<ProcessHandle> criu = CriuProcesses.working(verb, folder);
            if (criu.isPresent()) {
                criu.get().destroyForcibly();
                return;
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
        throw new AssertionError("no criu " + verb + " was seen");
    }
}
