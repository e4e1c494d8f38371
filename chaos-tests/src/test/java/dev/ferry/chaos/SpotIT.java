package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.cli.cluster.SpotMachines;
import dev.ferry.node.emulator.Cloud;
import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.Evacuation;
import dev.ferry.proto.v1.EvacuationState;
import dev.ferry.proto.v1.EvacuationWay;
import dev.ferry.proto.v1.Evacuee;
import dev.ferry.proto.v1.EvacueeState;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListEvacuationsRequest;
import dev.ferry.proto.v1.ListImagesRequest;
import dev.ferry.proto.v1.Mount;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A spot machine with four jobs is taken away, as each cloud does it: told by its metadata server, and then gone with all that ran there. */
class SpotIT {
    private static final Path JOBS = Path.of("../node-daemon/src/test/resources/jobs").toAbsolutePath().normalize();
    private static final Duration NOTICE = Duration.ofSeconds(30);
    private static final Duration LONG = Duration.ofMinutes(3);

    @TempDir Path folder;

    @ParameterizedTest
    @EnumSource(Cloud.class)
    void whatThePlanSaidWouldMakeItRunsElsewhereAndTheRestGoesOnFromItsLastImage(Cloud cloud) throws Exception {
        Hooked hooks = Hooked.make(folder);
        try (Scene scene = new Scene(folder, "", "", Duration.ofSeconds(2), Map.of(), Optional.of(cloud), Map.of("hooks", hooks.configuration()));
                SpotMachines machines = SpotMachines.open(scene.cluster, folder)) {
            List<Job> jobs = new ArrayList<>();
            for (int mebibytes : mebibytes(cloud)) {
                jobs.add(scene.run(counter(mebibytes)));
            }
            // The largest has an image, and the smallest.
            for (Job job : List.of(jobs.getFirst(), jobs.getLast())) {
                var unused = scene.succeed(stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
            }
            long deadline = System.currentTimeMillis() + NOTICE.toMillis();
            machines.interrupt(1, NOTICE);
            await().atMost(Scene.SOON).until(() -> evacuations(scene).stream().anyMatch(one -> one.getJobsCount() == jobs.size()));
            Evacuation named = evacuations(scene).getFirst();
            await().atMost(LONG).until(() -> evacuations(scene).getFirst().getState() == EvacuationState.EVACUATED);
            await().atMost(LONG).until(() -> System.currentTimeMillis() > deadline && scene.nodesWith(jobs.getFirst().getId()).stream().noneMatch(node -> node == 1));
            Evacuation done = evacuations(scene).getFirst();
            assertThat(evacuations(scene)).as("one notice, one evacuation").hasSize(1);
            assertThat(hooks.calls("")).as("the node's hook was called once").containsExactly("before-evacuation node-1 EVACUATING");
            for (Job job : jobs) {
                check(scene, job, of(named, job), of(done, job), deadline);
            }
            assertThat(done.getJobsList()).as("most had time enough").filteredOn(job -> !job.getFromImage() && job.getState() == EvacueeState.ELSEWHERE).hasSizeGreaterThanOrEqualTo(2);
        }
    }

    /** Large jobs for one cloud: how much there is to save is the same for all, how they tell it is not. */
    private static List<Integer> mebibytes(Cloud cloud) {
        return cloud == Cloud.AWS ? List.of(128, 128, 256, 512) : List.of(64, 64, 128, 256);
    }

    private static JobSpec.Builder counter(int mebibytes) {
        return JobSpec.newBuilder()
                .addCommand("/usr/bin/python3")
                .addCommand("/jobs/counter.py")
                .addCommand(Integer.toString(mebibytes))
                // While it fills its memory it has all of it twice.
                .setMemoryBytes((2L * mebibytes + 256) << 20)
                .setCpuMillis(100)
                .setNode("node-1")
                .addMounts(Mount.newBuilder().setSource(JOBS.toString()).setDestination("/jobs").setReadOnly(true));
    }

    private static List<Evacuation> evacuations(Scene scene) {
        return scene.ask(stub -> stub.listEvacuations(ListEvacuationsRequest.getDefaultInstance())).getEvacuationsList();
    }

    private static Evacuee of(Evacuation evacuation, Job job) {
        return evacuation.getJobsList().stream().filter(one -> one.getJob().equals(job.getId())).findFirst().orElseThrow();
    }

    private static void check(Scene scene, Job job, Evacuee named, Evacuee done, long deadline) {
        boolean promised = named.getFirstWay() == EvacuationWay.WAY_MIGRATE || named.getFirstWay() == EvacuationWay.WAY_STORE;
        if (promised) {
            assertThat(done.getFromImage()).as("%s was promised to be saved", done).isFalse();
            assertThat(done.getState()).as(done.toString()).isEqualTo(EvacueeState.ELSEWHERE);
        }
        Job now = scene.job(job.getId());
        if (done.getState() == EvacueeState.IS_LOST) {
            assertThat(named.getFirstWay()).as("%s was named beforehand", named).isEqualTo(EvacuationWay.WAY_WILL_NOT_MAKE_IT);
            assertThat(named.getImage()).isEmpty();
            assertThat(now.getState()).isEqualTo(JobState.LOST);
            return;
        }
        assertThat(now.getNode()).as(now.toString()).isEqualTo("node-2");
        if (promised) {
            Image image = scene.ask(stub -> stub.listImages(ListImagesRequest.newBuilder().setJob(job.getId()).build())).getImagesList().stream().filter(one -> one.getId().equals(now.getLatestImage())).findFirst().orElseThrow();
            assertThat(image.getCreatedAt()).as("its image is of before the deadline").isLessThan(deadline);
            assertThat(image.getNode()).isEqualTo("node-1");
        }
        scene.assertRunsOnceWithoutGap(job.getId());
    }
}
