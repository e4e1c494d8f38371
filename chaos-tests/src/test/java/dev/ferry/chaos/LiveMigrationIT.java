package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.proto.v1.CheckpointEstimate;
import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetImageRequest;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.Mount;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.PhaseTime;
import dev.ferry.proto.v1.Step;
import dev.ferry.proto.v1.StepState;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Migrations whose memory is copied ahead: of a job that writes to its memory all the time and checks it. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LiveMigrationIT {
    private static final Path WORKLOAD = Path.of("../cli/src/main/resources/dev/ferry/cli/bench").toAbsolutePath().normalize();
    private static final int MEBIBYTES = 192;

    /** Fills its whole memory anew, several times a second. */
    private static final String RESTLESS =
            """
            import os
            memory = bytearray(48 << 20)
            step = 0
            while True:
                for at in range(0, len(memory), 1 << 20):
                    memory[at:at + (1 << 20)] = os.urandom(1 << 20)
                print("step", step, flush=True)
                step += 1
            """;

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
        JobSpec.Builder spec =
                JobSpec.newBuilder()
                        .addAllCommand(List.of("/usr/bin/python3", "/bench/workload.py", Integer.toString(MEBIBYTES), "4096"))
                        .setMemoryBytes((MEBIBYTES + 128L) << 20)
                        .addMounts(Mount.newBuilder().setSource(WORKLOAD.toString()).setDestination("/bench").setReadOnly(true));
        return scene.run(spec);
    }

    private Operation begin(Job job) {
        return scene.begin(stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).setLive(true).build()));
    }

    private static Step step(Operation operation, String name) {
        return operation.getStepsList().stream().filter(each -> each.getName().equals(name)).findFirst().orElseThrow(() -> new AssertionError("no step " + name + ": " + operation));
    }

    private static long bytes(Step step, String phase) {
        return step.getPhasesList().stream().filter(each -> each.getName().equals(phase)).mapToLong(PhaseTime::getBytes).sum();
    }

    /** The job goes on: each step once, in order. It ends itself with status 3 if its memory is not what it must be. */
    private void assertGoesOnWithItsMemory(Job job) {
        await().atMost(Scene.SOON).until(() -> scene.job(job.getId()).getState() == JobState.RUNNING && scene.job(job.getId()).getOperation().isEmpty());
        int before = scene.log(job.getId()).size();
        // Enough for the program to have looked at a good part of its pages.
        await().atMost(Scene.SOON).until(() -> scene.log(job.getId()).size() > before + 60);
        List<String> log = scene.log(job.getId());
        List<String> steps = log.stream().map(line -> line.split(" ")[0] + " " + line.split(" ")[1]).toList();
        assertThat(steps).isEqualTo(IntStream.range(0, log.size()).mapToObj(step -> "step " + step).toList());
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.RUNNING);
    }

    @Test
    void memoryThatIsWrittenToWhileItIsCopiedArrivesAsItIs() {
        Job job = run();
        Operation moved = scene.awaitEnd(begin(job));
        assertThat(moved.getState()).as(moved.toString()).isEqualTo(OperationState.SUCCEEDED);
        for (String name : List.of("PRE_COPY", "PREFETCH", "CATCH_UP", "FILL", "DUMP", "RESTORE")) {
            assertThat(step(moved, name).getState()).as(name).isEqualTo(StepState.STEP_DONE);
        }
        long sentAhead = bytes(step(moved, "PRE_COPY"), "sent");
        long fetched = bytes(step(moved, "PREFETCH"), "fetch");
        long fromSource = bytes(step(moved, "PREFETCH"), "from peer");
        Image image = scene.ask(stub -> stub.getImage(GetImageRequest.newBuilder().setImage(moved.getImage()).build())).getImage();
        assertThat(sentAhead).as("nearly half of the memory can't be compressed").isGreaterThan(((long) MEBIBYTES << 20) / 3);
        assertThat(fetched).isGreaterThan((long) MEBIBYTES << 19);
        long recognised = step(moved, "DUMP").getPhasesList().stream().filter(phase -> phase.getName().equals("recognised")).mapToLong(PhaseTime::getBytes).sum();
        assertThat(recognised).as("and most of it is as it was when it was copied").isGreaterThan((long) MEBIBYTES << 19);
        assertThat(bytes(step(moved, "FILL"), "fill")).as("filled before the job stood still").isGreaterThan((long) MEBIBYTES << 19);
        assertThat(bytes(step(moved, "RESTORE"), "was there")).as("most of it was as it was filled").isGreaterThan((long) MEBIBYTES << 19);
        assertThat(fromSource).as("straight from the source").isGreaterThan(sentAhead / 2);
        assertThat(image.getSentBytes()).as("the frozen job sends little").isLessThan(sentAhead / 3);
        assertThat(scene.job(job.getId()).getNode()).isNotEqualTo(job.getNode());
        assertGoesOnWithItsMemory(job);
        scene.cancel(job.getId());
        assertThat(folder.resolve("store/precopy")).satisfiesAnyOf(gone -> assertThat(gone).doesNotExist(), left -> assertThat(Files.walk(left).filter(Files::isRegularFile)).isEmpty());
    }

    @Test
    void aJobThatWritesTooFastIsMovedAsWithout() {
        Job job = scene.run(JobSpec.newBuilder().addAllCommand(List.of("/usr/bin/python3", "-c", RESTLESS)).setMemoryBytes(256L << 20));
        Operation moved = scene.awaitEnd(begin(job));
        assertThat(moved.getState()).as(moved.toString()).isEqualTo(OperationState.SUCCEEDED);
        assertThat(step(moved, "PRE_COPY").getState()).isEqualTo(StepState.STEP_FAILED);
        assertThat(step(moved, "PRE_COPY").getError().getMessage()).contains("faster than it can be copied");
        assertThat(moved.getStepsList()).noneMatch(each -> each.getName().equals("PREFETCH"));
        assertThat(scene.job(job.getId()).getNode()).isNotEqualTo(job.getNode());
        scene.assertRunsOnceWithoutGap(job.getId());
        scene.cancel(job.getId());
    }

    enum Victim {
        COORDINATOR,
        SOURCE,
        TARGET
    }

    @ParameterizedTest(name = "{0} killed at {1}")
    @CsvSource({"COORDINATOR, PRE_COPY", "SOURCE, PRE_COPY", "TARGET, PRE_COPY", "COORDINATOR, PREFETCH", "TARGET, PREFETCH", "SOURCE, CATCH_UP", "COORDINATOR, FILL", "TARGET, FILL", "SOURCE, DUMP", "TARGET, DUMP"})
    void aJobRunsOnThroughTheDeathOfWhoCopiesIt(Victim victim, String at) throws Exception {
        scene.awaitNodes();
        Job job = run();
        int source = Scene.nodeNumber(job.getNode());
        Operation begun = begin(job);
        boolean reached = scene.awaitStep(begun, at);
        kill(victim, source);
        Operation ended = scene.awaitEnd(begun);
        assertThat(reached).as("step %s was seen", at).isTrue();
        assertThat(ended.getStepsList()).as(ended.toString()).allSatisfy(each -> assertThat(each.getState()).isNotEqualTo(StepState.STEP_OPEN));
        if (!at.equals("DUMP") || victim == Victim.TARGET) {
            assertThat(ended.getState()).as("copying ahead is no reason to fail: " + ended).isEqualTo(OperationState.SUCCEEDED);
        }
        assertGoesOnWithItsMemory(job);
        scene.cancel(job.getId());
    }

    private void kill(Victim victim, int source) throws Exception {
        switch (victim) {
            case COORDINATOR -> scene.killCoordinator();
            case SOURCE -> scene.killNode(source);
            case TARGET -> scene.killNode(3 - source);
        }
    }

    /** Whatever becomes of what was filled, the job is restored, and on the same node. */
    @Test
    void aJobIsRestoredAsAlwaysWhenTheMemoryThatWasFilledForItIsGone() {
        scene.awaitNodes();
        Job job = run();
        int target = 3 - Scene.nodeNumber(job.getNode());
        Operation begun = begin(job);
        assertThat(scene.awaitStep(begun, "DUMP")).isTrue();
        List<Integer> criu = scene.cluster.jobProcesses(target, job.getId());
        assertThat(criu).as("criu, with the memory, while the job still runs elsewhere").isNotEmpty();
        criu.forEach(pid -> ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly));
        Operation moved = scene.awaitEnd(begun);
        assertThat(moved.getState()).as(moved.toString()).isEqualTo(OperationState.SUCCEEDED);
        assertThat(moved.getStepsList()).filteredOn(each -> each.getName().equals("RESTORE")).singleElement().satisfies(only -> assertThat(only.getNode()).isEqualTo("node-" + target));
        assertThat(bytes(step(moved, "RESTORE"), "was there")).isZero();
        assertGoesOnWithItsMemory(job);
        scene.cancel(job.getId());
    }

    @Test
    void howLongACheckpointTakesIsToldBefore() {
        Job job = run();
        Operation saved = scene.succeed(stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
        CheckpointEstimate told = scene.ask(stub -> stub.estimateCheckpoint(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
        assertThat(told.getDump().getMemoryBytes()).isBetween((long) MEBIBYTES << 20, (MEBIBYTES + 64L) << 20);
        assertThat(told.getDump().getSamples()).isPositive();
        assertThat(told.getLatestImage().getId()).isEqualTo(saved.getImage());
        Operation next = scene.succeed(stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
        assertThat(told.getDump().getFreezeMicros()).as("what was told and what it took").isBetween(next.getOutageMicros() / 5, next.getOutageMicros() * 5);
        assertThat(step(next, "DUMP").getPhasesList()).extracting(PhaseTime::getName).contains("prepare", "spool in memory");
        scene.cancel(job.getId());
        assertThat(scene.jobs()).noneMatch(each -> each.getId().equals(job.getId()) && each.getError().getCode() != ErrorCode.ERROR_CODE_UNSPECIFIED);
    }
}
