package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.node.NodeConfig;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListImagesRequest;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.RestoreJobRequest;
import dev.ferry.proto.v1.CheckpointJobRequest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * Large and rich jobs on the way to and fro. {@code -Dferry.rich=1024 -Dferry.images=50}: how many MiB the job of twenty migrations has, and how many images are restored; fewer by themselves, for they
 * take many minutes where page faults are slow, and one job of 2 GiB is moved in any case.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RichJobIT {
    private static final int MEBIBYTES = Integer.getInteger("ferry.rich", 64);
    private static final int MIGRATIONS = 20;
    private static final int CHECKPOINTS = Integer.getInteger("ferry.images", 20);
    private static final long GIBIBYTE = 1L << 30;

    @TempDir static Path folder;
    private Scene scene;

    @BeforeAll
    void open() throws Exception {
        // Of the size that a daemon has by itself: how much memory it takes is looked at.
        scene = new Scene(folder, "", "", Duration.ofSeconds(30), Map.of(), Optional.empty(), Map.of("spoolMemory", NodeConfig.defaults().spoolMemory()));
    }

    @AfterAll
    void close() throws Exception {
        scene.close();
    }

    @Test
    void aRichJobPassesTwentyMigrations() {
        Job job = scene.run("rich.py", 512 + MEBIBYTES, Integer.toString(MEBIBYTES));
        for (int move = 1; move <= MIGRATIONS; move++) {
            scene.succeed(stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build()));
            assertThat(scene.job(job.getId()).getIncarnation()).isEqualTo(1 + move);
        }
        scene.assertRunsOnceWithoutGap(job.getId());
        scene.cancel(job.getId());
    }

    /** CRIU can't share again what was shared, if a thread's stack has grown onto the mapping: the copies go beyond the job's limit. */
    @Test
    void aJobWhoseProcessesShareMemoryIsNotKilledByItsLimit() {
        Job job = scene.run("rich.py", 384, "256", "shared");
        scene.succeed(stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build()));
        scene.assertRunsOnceWithoutGap(job.getId());
        scene.cancel(job.getId());
    }

    @Test
    void eachOfManyCheckpointsRestoresWithoutMissingOrDoubledCount() throws Exception {
        Job job = scene.run("counter.py", 256);
        for (int image = 1; image <= CHECKPOINTS; image++) {
            scene.succeed(stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
        }
        scene.assertRunsOnceWithoutGap(job.getId());
        scene.cancel(job.getId());
        List<Image> images = scene.ask(stub -> stub.listImages(ListImagesRequest.newBuilder().setJob(job.getId()).build())).getImagesList();
        assertThat(images).hasSize(CHECKPOINTS);
        for (Image image : images) {
            scene.succeed(stub -> stub.restoreJob(RestoreJobRequest.newBuilder().setJobOrImage(image.getId()).build()));
            scene.assertRunsOnceWithoutGap(job.getId());
            Job now = scene.job(job.getId());
            assertThat(now.getState()).isEqualTo(JobState.RUNNING);
            List<String> file = Files.readAllLines(scene.cluster.nodeData(Scene.nodeNumber(now.getNode())).resolve("jobs").resolve(job.getId()).resolve("work/count"));
            assertThat(file.subList(0, file.size() - 1)).isEqualTo(IntStream.range(0, file.size() - 1).mapToObj(Integer::toString).toList());
            scene.cancel(job.getId());
        }
    }

    @Test
    void noPartNeedsAGibibyteForAJobOfTwo() {
        Job job = scene.run("rich.py", 2560, "2048");
        scene.succeed(stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build()));
        assertThat(scene.cluster.coordinator().peakMemory().orElseThrow()).as("coordinator").isLessThan(GIBIBYTE);
        assertThat(scene.cluster.node(1).peakMemory().orElseThrow()).as("node 1").isLessThan(GIBIBYTE);
        assertThat(scene.cluster.node(2).peakMemory().orElseThrow()).as("node 2").isLessThan(GIBIBYTE);
        scene.assertRunsOnceWithoutGap(job.getId());
        scene.cancel(job.getId());
    }
}
