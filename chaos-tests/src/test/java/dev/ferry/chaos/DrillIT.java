package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.Drill;
import dev.ferry.proto.v1.DrillNodeRequest;
import dev.ferry.proto.v1.DrillOutcome;
import dev.ferry.proto.v1.DrillRestoreRequest;
import dev.ferry.proto.v1.DrillState;
import dev.ferry.proto.v1.DrilledImage;
import dev.ferry.proto.v1.DrilledJob;
import dev.ferry.proto.v1.EvacuationWay;
import dev.ferry.proto.v1.GetDrillRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.ListImagesRequest;
import dev.ferry.proto.v1.Mount;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Drills on a real cluster: what they find is true, and the jobs notice nothing of them. */
class DrillIT {
    @TempDir Path folder;

    private static Drill awaitEnd(Scene scene, Drill begun) {
        await().atMost(Scene.SOON).until(() -> drill(scene, begun).getState() == DrillState.DRILL_DONE);
        return drill(scene, begun);
    }

    private static Drill drill(Scene scene, Drill begun) {
        return scene.ask(stub -> stub.getDrill(GetDrillRequest.newBuilder().setDrill(begun.getId()).build()));
    }

    private static DrilledImage tryRestore(Scene scene) {
        return awaitEnd(scene, scene.ask(stub -> stub.drillRestore(DrillRestoreRequest.newBuilder().setSample(1).build()))).getImages(0);
    }

    @Test
    void aNodeAndAnImageAreDrilledWhileTheirJobRunsOn() throws Exception {
        Path outside = Files.createDirectory(folder.resolve("outside"));
        try (Scene scene = new Scene(folder)) {
            Job job = scene.run(scene.program("outside.py").setMemoryBytes(256L << 20).addMounts(Mount.newBuilder().setSource(outside.toString()).setDestination("/outside")));
            Drill drilled = awaitEnd(scene, scene.ask(stub -> stub.drillNode(DrillNodeRequest.newBuilder().setNode(job.getNode()).setNoticeMillis(60_000).build())));
            DrilledJob there = drilled.getJobs(0);
            assertThat(there.getOutcome()).as(there.toString()).isEqualTo(DrillOutcome.WOULD_BE_SAVED);
            assertThat(there.getWay()).isEqualTo(EvacuationWay.WAY_MIGRATE);

            Object socket = Files.getAttribute(outside.resolve("socket"), "unix:ino");
            Job before = scene.job(job.getId());
            DrilledImage image = tryRestore(scene);
            assertThat(image.getOutcome()).as(image.toString()).isEqualTo(DrillOutcome.CAN_BE_RESTORED);
            assertThat(image.getImage()).isEqualTo(there.getImage());
            assertThat(image.getProcesses()).as("its first process and the command").isEqualTo(2);
            assertThat(Files.getAttribute(outside.resolve("socket"), "unix:ino")).as("what CRIU made anew is not outside").isEqualTo(socket);
            assertThat(scene.job(job.getId())).isEqualTo(before);
            assertThat(scene.ask(stub -> stub.listImages(ListImagesRequest.newBuilder().setJob(job.getId()).build())).getImagesCount()).isEqualTo(1);
            scene.assertRunsOnceWithoutGap(job.getId());
            List<String> steps = Files.readAllLines(outside.resolve("count"));
            assertThat(steps).as("nothing but the job itself has written there").isEqualTo(IntStream.range(0, steps.size()).mapToObj(step -> "step " + step).toList());
            assertNothingIsLeft(scene);

            for (int node = 1; node <= 2; node++) {
                scene.cluster.node(node).kill();
            }
            damage();
            for (int node = 1; node <= 2; node++) {
                scene.cluster.startNode(node);
            }
            DrilledImage damaged = tryRestore(scene);
            assertThat(damaged.getOutcome()).as(damaged.toString()).isEqualTo(DrillOutcome.CANT_BE_RESTORED);
            assertThat(damaged.getWhy()).isNotEmpty();
            assertNothingIsLeft(scene);
            scene.assertRunsOnceWithoutGap(job.getId());
            assertThat(scene.job(job.getId()).getIncarnation()).isEqualTo(1);
            scene.cancel(job.getId());
        }
    }

    @Test
    void whatADaemonLeavesOfATrialWhenItIsKilledIsRemovedByTheNext() throws Exception {
        try (Scene scene = new Scene(folder)) {
            Job job = scene.run("counter.py", 1024, "384");
            var unused = scene.succeed(stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
            Drill begun = scene.ask(stub -> stub.drillRestore(DrillRestoreRequest.newBuilder().setSample(1).build()));
            await().atMost(Scene.SOON).pollInterval(java.time.Duration.ofMillis(5)).until(() -> IntStream.rangeClosed(1, 2).anyMatch(node -> isTrying(scene, node)));
            for (int node = 1; node <= 2; node++) {
                scene.killNode(node);
            }
            DrilledImage image = awaitEnd(scene, begun).getImages(0);
            assertThat(image.getOutcome()).as(image.toString()).isEqualTo(DrillOutcome.CAN_BE_RESTORED);
            assertNothingIsLeft(scene);
            scene.assertRunsOnceWithoutGap(job.getId());
            scene.cancel(job.getId());
        }
    }

    /** A trial has its folder from its first moment on. */
    private static boolean isTrying(Scene scene, int node) {
        String[] names = scene.cluster.nodeData(node).resolve("trials").toFile().list();
        return names != null && names.length > 0;
    }

    private static void assertNothingIsLeft(Scene scene) throws IOException {
        for (int node = 1; node <= 2; node++) {
            assertThat(new JobCgroup(CgroupLayout.ofThisMachine(), scene.cluster.nodeGroup(node) + ".trials").names()).isEmpty();
            Path trials = scene.cluster.nodeData(node).resolve("trials");
            if (Files.exists(trials)) {
                assertThat(trials).isEmptyDirectory();
            }
        }
    }

    /** One byte of each pack, and nothing of them in the nodes' caches. */
    private void damage() throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                boolean pack = file.startsWith(folder.resolve("store")) && file.toString().contains("/packs/");
                boolean cached = file.toString().contains("/chunks/") && !file.startsWith(folder.resolve("store"));
                if (pack) {
                    try (RandomAccessFile content = new RandomAccessFile(file.toFile(), "rw")) {
                        content.seek(content.length() / 2);
                        int there = content.read();
                        content.seek(content.length() / 2);
                        content.write(there ^ 1);
                    }
                } else if (cached) {
                    Files.delete(file);
                }
            }
        }
    }
}
