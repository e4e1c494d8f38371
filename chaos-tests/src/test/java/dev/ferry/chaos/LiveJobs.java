package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.Mount;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.PhaseTime;
import dev.ferry.proto.v1.Step;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;

/** Jobs that write to their memory all the time and check it, and their live migrations. */
record LiveJobs(Scene scene) {
    static final int MEBIBYTES = 192;

    private static final Path WORKLOAD = Path.of("../cli/src/main/resources/dev/ferry/cli/bench").toAbsolutePath().normalize();

    Job run() {
        JobSpec.Builder spec =
                JobSpec.newBuilder()
                        .addAllCommand(List.of("/usr/bin/python3", "/bench/workload.py", Integer.toString(MEBIBYTES), "4096"))
                        .setMemoryBytes((MEBIBYTES + 128L) << 20)
                        .addMounts(Mount.newBuilder().setSource(WORKLOAD.toString()).setDestination("/bench").setReadOnly(true));
        return scene.run(spec);
    }

    Operation begin(Job job) {
        return scene.begin(stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).setLive(true).build()));
    }

    static Step step(Operation operation, String name) {
        return operation.getStepsList().stream().filter(each -> each.getName().equals(name)).findFirst().orElseThrow(() -> new AssertionError("no step " + name + ": " + operation));
    }

    static long bytes(Step step, String phase) {
        return step.getPhasesList().stream().filter(each -> each.getName().equals(phase)).mapToLong(PhaseTime::getBytes).sum();
    }

    /** The job goes on: each step once, in order. It ends itself with status 3 if its memory is not what it must be. */
    void assertGoesOnWithItsMemory(Job job) {
        await().atMost(Scene.SOON).until(() -> scene.job(job.getId()).getState() == JobState.RUNNING && scene.job(job.getId()).getOperation().isEmpty());
        int before = scene.log(job.getId()).size();
        // Enough for the program to have looked at a good part of its pages.
        await().atMost(Scene.SOON).until(() -> scene.log(job.getId()).size() > before + 60);
        List<String> log = scene.log(job.getId());
        List<String> steps = log.stream().map(line -> line.split(" ")[0] + " " + line.split(" ")[1]).toList();
        assertThat(steps).isEqualTo(IntStream.range(0, log.size()).mapToObj(step -> "step " + step).toList());
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.RUNNING);
    }
}
