package dev.ferry.chaos;

import static dev.ferry.chaos.LiveJobs.MEBIBYTES;
import static dev.ferry.chaos.LiveJobs.bytes;
import static dev.ferry.chaos.LiveJobs.step;
import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.CheckpointEstimate;
import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetImageRequest;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.PhaseTime;
import dev.ferry.proto.v1.StepState;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Migrations whose memory is copied ahead: of a job that writes to its memory all the time and checks it. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LiveMigrationIT {
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
    private LiveJobs jobs;

    @BeforeAll
    void open() throws Exception {
        scene = new Scene(folder);
        jobs = new LiveJobs(scene);
    }

    @AfterAll
    void close() throws Exception {
        scene.close();
    }

    @Test
    void memoryThatIsWrittenToWhileItIsCopiedArrivesAsItIs() {
        Job job = jobs.run();
        Operation moved = scene.awaitEnd(jobs.begin(job));
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
        jobs.assertGoesOnWithItsMemory(job);
        scene.cancel(job.getId());
        assertThat(folder.resolve("store/precopy")).satisfiesAnyOf(gone -> assertThat(gone).doesNotExist(), left -> assertThat(Files.walk(left).filter(Files::isRegularFile)).isEmpty());
    }

    @Test
    void aJobThatWritesTooFastIsMovedAsWithout() {
        Job job = scene.run(JobSpec.newBuilder().addAllCommand(List.of("/usr/bin/python3", "-c", RESTLESS)).setMemoryBytes(256L << 20));
        Operation moved = scene.awaitEnd(jobs.begin(job));
        assertThat(moved.getState()).as(moved.toString()).isEqualTo(OperationState.SUCCEEDED);
        assertThat(step(moved, "PRE_COPY").getState()).isEqualTo(StepState.STEP_FAILED);
        assertThat(step(moved, "PRE_COPY").getError().getMessage()).contains("faster than it can be copied");
        assertThat(moved.getStepsList()).noneMatch(each -> each.getName().equals("PREFETCH"));
        assertThat(scene.job(job.getId()).getNode()).isNotEqualTo(job.getNode());
        scene.assertRunsOnceWithoutGap(job.getId());
        scene.cancel(job.getId());
    }

    /** Whatever becomes of what was filled, the job is restored, and on the same node. */
    @Test
    void aJobIsRestoredAsAlwaysWhenTheMemoryThatWasFilledForItIsGone() throws Exception {
        scene.awaitNodes();
        Job job = jobs.run();
        int target = 3 - Scene.nodeNumber(job.getNode());
        Operation begun = jobs.begin(job);
        assertThat(scene.awaitStep(begun, "DUMP")).isTrue();
        List<Integer> criu = scene.cluster.jobProcesses(target, job.getId());
        assertThat(criu).as("criu, with the memory, while the job still runs elsewhere").isNotEmpty();
        criu.forEach(pid -> ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly));
        Operation moved = scene.awaitEnd(begun);
        assertThat(moved.getState()).as(moved.toString()).isEqualTo(OperationState.SUCCEEDED);
        assertThat(moved.getStepsList()).filteredOn(each -> each.getName().equals("RESTORE")).singleElement().satisfies(only -> assertThat(only.getNode()).isEqualTo("node-" + target));
        assertThat(bytes(step(moved, "RESTORE"), "was there")).isZero();
        jobs.assertGoesOnWithItsMemory(job);
        scene.cancel(job.getId());
    }

    @Test
    void howLongACheckpointTakesIsToldBefore() {
        Job job = jobs.run();
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
