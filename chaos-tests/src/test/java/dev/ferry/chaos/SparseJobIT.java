package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.ListImagesRequest;
import dev.ferry.proto.v1.MigrateJobRequest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A job with a file of a terabyte, all but a few MiB of which is a hole, that it writes through a mapping. */
class SparseJobIT {
    private static final long TEBIBYTE = 1L << 40;
    private static final long MEBIBYTE = 1 << 20;
    private static final int MOVES = 3;
    /** A sector, as stat(2) counts them. */
    private static final int SECTOR = 512;

    @TempDir Path folder;
    private Scene scene;

    @BeforeEach
    void open() throws Exception {
        scene = new Scene(folder);
    }

    @AfterEach
    void close() throws Exception {
        scene.close();
    }

    @Test
    void movesToAndFroWithItsHoles() throws Exception {
        Job job = scene.run("sparse.py", 256);
        scene.succeed(stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
        for (int move = 0; move < MOVES; move++) {
            scene.succeed(stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build()));
            Path file = scene.cluster.nodeData(Scene.nodeNumber(scene.job(job.getId()).getNode())).resolve("jobs").resolve(job.getId()).resolve("work/sparse");
            assertThat(Files.size(file)).isEqualTo(TEBIBYTE);
            Process stat = new ProcessBuilder("stat", "--format=%b", file.toString()).start();
            assertThat(Long.parseLong(new String(stat.getInputStream().readAllBytes()).trim()) * SECTOR).as("room on the target's disk").isBetween(1L, 64 * MEBIBYTE);
        }
        // The program checks what it wrote before, and ends if something is missing.
        scene.assertRunsOnceWithoutGap(job.getId());
        List<Image> images = scene.ask(stub -> stub.listImages(ListImagesRequest.newBuilder().setJob(job.getId()).build())).getImagesList();
        assertThat(images).hasSize(1 + MOVES).allSatisfy(image -> {
            assertThat(image.getBytes()).isGreaterThan(TEBIBYTE);
            assertThat(image.getBytes() - image.getHoleBytes()).as("what was looked at").isLessThan(256 * MEBIBYTE);
        });
        scene.cancel(job.getId());
    }
}
