package dev.ferry.coordinator;

import static dev.ferry.coordinator.CoordinatorScene.assertFailed;
import static dev.ferry.coordinator.CoordinatorScene.assertSucceeded;
import static dev.ferry.coordinator.CoordinatorScene.names;
import static dev.ferry.coordinator.CoordinatorScene.refusal;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.Places;
import dev.ferry.proto.v1.CancelJobRequest;
import dev.ferry.proto.v1.CheckJob;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.Command.ActionCase;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.GpuFile;
import dev.ferry.proto.v1.GpuFiles;
import dev.ferry.proto.v1.GpuHealth;
import dev.ferry.proto.v1.GpuPlaces;
import dev.ferry.proto.v1.GpuSample;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.JobUse;
import dev.ferry.proto.v1.ListJobsRequest;
import dev.ferry.proto.v1.ListNodesRequest;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.ResumeJobRequest;
import dev.ferry.proto.v1.SuspendJobRequest;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who gets which GPUs, on a real coordinator with played daemons. */
class GpuOperationsTest {
    private CoordinatorScene scene;

    @BeforeEach
    void open(@TempDir Path folder) throws Exception {
        scene = new CoordinatorScene(folder);
    }

    @AfterEach
    void close() {
        scene.close();
    }

    private FakeNode node(String name, String model, int count, boolean canMap) {
        return scene.add(new FakeNode(name, facts(name, model, count, canMap).build(), 16, 64L << 30), name);
    }

    private static NodeFacts.Builder facts(String name, String model, int count, boolean canMap) {
        NodeFacts.Builder facts = NodeFacts.newBuilder().setArchitecture("amd64").setKernel("6.18").setCriuVersion("4.2.1").setGpuDriver("580.65").setGpuCanSave(true).setGpuCanMap(canMap).setGpuNote("driver 580.65");
        for (int i = 0; i < count; i++) {
            facts.addGpuModels(model).addGpus(Gpu.newBuilder().setUuid("GPU-" + name + "-" + i).setModel(model).setMemoryBytes(80L << 30));
        }
        return facts;
    }

    private Job running(int gpus) {
        return scene.awaitState(scene.run(JobSpec.newBuilder().setGpus(gpus)).getId(), JobState.RUNNING);
    }

    private Operation park(Job job) {
        return scene.awaitEnd(scene.stub().suspendJob(SuspendJobRequest.newBuilder().setJob(job.getId()).setPark(true).build()));
    }

    private Operation resume(Job job) {
        return scene.awaitEnd(scene.stub().resumeJob(ResumeJobRequest.newBuilder().setJob(job.getId()).build()));
    }

    @Test
    void eachGpuIsGivenToOneJobAtATime() {
        FakeNode node = node("node-1", "NVIDIA H100", 3, true);
        Job first = running(2);
        Job second = running(1);
        assertThat(first.getGpusList()).hasSize(2).doesNotContainAnyElementsOf(second.getGpusList());
        assertThat(node.commands()).filteredOn(Command::hasStart).map(command -> command.getStart().getGpusList().size()).containsExactly(2, 1);
        Job third = scene.run(JobSpec.newBuilder().setGpus(1));
        assertThat(scene.awaitJob(third.getId(), job -> !job.getReason().isEmpty()).getReason()).contains("GPUs wanted");
    }

    /** After the commit the record says that it lives on the target. */
    @Test
    void aJobThatCouldNotBeKilledKeepsItsSourcesGpusUntilItIsGone() {
        FakeNode source = node("node-1", "NVIDIA H200", 1, true);
        Job job = running(1);
        FakeNode target = node("node-2", "NVIDIA H200", 1, true);
        source.fail(ActionCase.KILL, ErrorCode.INTERNAL);
        Operation ended = scene.awaitEnd(scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build()));
        assertThat(names(ended)).endsWith("COMMIT", "KILL", "KILL", "KILL", "KILL", "KILL");
        Job undying = scene.job(job.getId());
        assertThat(undying.getState()).isEqualTo(JobState.UNREACHABLE);
        assertThat(undying.getNode()).isEqualTo("node-1");
        assertThat(undying.getGpusList()).containsExactly("GPU-node-1-0");
        // As soon as it ends, it is killed once more, and that receipt counts.
        source.answer(ActionCase.KILL, command -> Optional.of(CommandResult.newBuilder().setJob(FakeNode.report(command, LocalState.LOCAL_KILLED)).build()));
        source.report(JobReport.newBuilder().setJob(job.getId()).setIncarnation(1).setState(LocalState.LOCAL_LOST).build());
        scene.awaitState(job.getId(), JobState.LOST);
        assertThat(target.actions()).doesNotContain(ActionCase.RESTORE);
    }

    @Test
    void aParkedJobFreesItsGpusAndTakesThemAgainOrOthers() {
        node("node-1", "NVIDIA H100", 2, true);
        Job first = running(1);
        assertSucceeded(park(first));
        Job second = running(2);
        assertThat(second.getGpusList()).containsAll(first.getGpusList());
        assertFailed(resume(first), ErrorCode.NO_CAPACITY);
        assertThat(scene.job(first.getId()).getState()).isEqualTo(JobState.PARKED);
        assertSucceeded(park(second));
        Operation back = resume(first);
        assertSucceeded(back);
        assertThat(back.getTargetGpusList()).isEqualTo(first.getGpusList());
    }

    @Test
    void aJobOnOtherGpusIsRefusedBeforeItIsStopped() {
        FakeNode source = node("node-1", "NVIDIA H100", 1, true);
        Job job = running(1);
        node("node-2", "NVIDIA A100", 1, true);
        node("node-3", "NVIDIA H100", 1, false);
        assertFailed(scene.awaitEnd(scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).setTo("node-2").build())), ErrorCode.NODE_INCOMPATIBLE);
        Operation refused = scene.awaitEnd(scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).setTo("node-3").build()));
        assertFailed(refused, ErrorCode.NODE_INCOMPATIBLE);
        assertThat(refused.getError().getMessage()).contains("only on the GPUs that it came from");
        assertThat(source.actions()).doesNotContain(Command.ActionCase.DUMP);
    }

    private FakeNode nodeWithPlaces(String name, String... places) {
        return scene.add(new FakeNode(name, facts(name, "NVIDIA H100", 1, true).setGpuPlaces(Places.of(List.of(places))).build(), 16, 64L << 30), name);
    }

    @Test
    void aNodeWithoutAPlaceForTheJobsGpuFilesIsKnownBeforeTheJobIsStopped() {
        GpuFiles files = GpuFiles.newBuilder().addFiles(GpuFile.newBuilder().setDestination("/driver/libcuda.so.580")).build();
        FakeNode source = nodeWithPlaces("node-1", "/driver/libcuda.so.580");
        source.answer(Command.ActionCase.START, command -> Optional.of(CommandResult.newBuilder().setGpuFiles(files).setJob(FakeNode.report(command, LocalState.LOCAL_RUNNING)).build()));
        Job job = running(1);
        nodeWithPlaces("node-2", "/driver/libcuda.so.570");
        Operation refused = scene.awaitEnd(scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).setTo("node-2").build()));
        assertFailed(refused, ErrorCode.NODE_INCOMPATIBLE);
        assertThat(refused.getError().getMessage()).contains("node-2", "/driver/libcuda.so.580", "give the node the driver");
        assertThat(scene.stub().listJobs(ListJobsRequest.getDefaultInstance()).getJobs(0).hasGpuFiles()).isFalse();
        // Of those left to choose from, one that has them is taken; the daemon there looks once more, at the GPU that it would give.
        FakeNode fit = nodeWithPlaces("node-3", "/driver/libcuda.so.580");
        source.answer(Command.ActionCase.DUMP, command -> Optional.empty());
        Operation begun = scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build());
        await().atMost(CoordinatorScene.SOON).until(() -> source.actions().contains(Command.ActionCase.DUMP));
        assertThat(scene.operation(begun.getId()).getTargetNode()).isEqualTo("node-3");
        CheckJob check = fit.commands().stream().filter(Command::hasCheck).findFirst().orElseThrow().getCheck();
        assertThat(check).isEqualTo(CheckJob.newBuilder().setSpec(job.getSpec()).addGpus("GPU-node-3-0").setGpuFiles(files).build());
    }

    private HttpResponse<String> metrics() throws Exception {
        URI address = URI.create("http://127.0.0.1:" + scene.httpPort() + "/metrics");
        try (HttpClient http = HttpClient.newHttpClient()) {
            return http.send(HttpRequest.newBuilder(address).header("authorization", "Bearer " + scene.adminToken()).timeout(CoordinatorScene.SOON).build(), HttpResponse.BodyHandlers.ofString());
        }
    }

    private static GpuSample.Builder sample(Job job) {
        return GpuSample.newBuilder().setJob(job.getId()).setIncarnation(job.getIncarnation());
    }

    @Test
    void whatAJobDoesWithItsGpusIsAddedUpAndExported() throws Exception {
        FakeNode node = node("node-1", "NVIDIA H100", 2, true);
        FakeNode other = node("node-2", "NVIDIA H100", 2, true);
        Job job = running(2);
        await().atMost(CoordinatorScene.SOON).until(() -> scene.job(job.getId()).getUse().getRunningSince() > 0);
        node.sample(sample(job).setPeakBytes(7 << 20).setSampledMillis(4000).setBusyMillis(1000).build());
        node.sample(sample(job).setPeakBytes(3 << 20).setSampledMillis(2000).setBusyMillis(2000).build());
        // Of another node, of another life, and impossible: none of them counts.
        other.sample(sample(job).setPeakBytes(99 << 20).build());
        node.sample(sample(job).setIncarnation(7).setPeakBytes(99 << 20).build());
        node.sample(sample(job).setSampledMillis(1).setBusyMillis(2).build());
        node.sample(sample(job).setPeakBytes(-1).setSampledMillis(500).build());
        node.sample(sample(job).setPeakBytes(5 << 20).setSampledMillis(1000).build());
        scene.awaitJob(job.getId(), now -> now.getUse().getGpuSampledMillis() >= 7000);
        JobUse use = scene.job(job.getId()).getUse();
        assertThat(use.getGpuSampledMillis()).isEqualTo(7000);
        assertThat(use.getGpuBusyMillis()).isEqualTo(3000);
        assertThat(use.getGpuMemoryPeakBytes()).isEqualTo(7 << 20);
        String labels = "{account=\"default\",job=\"" + job.getId() + "\",user=\"root\"} ";
        assertThat(metrics().body()).contains("ferry_job_gpu_memory_peak_bytes" + labels + "7340032.0", "ferry_job_gpu_sampled_seconds" + labels + "7.0", "ferry_job_gpu_busy_seconds" + labels + "3.0", "ferry_job_gpu_seconds" + labels);
        Job without = scene.awaitState(scene.run(JobSpec.newBuilder()).getId(), JobState.RUNNING);
        assertThat(scene.job(without.getId()).hasUse()).isFalse();
        assertThat(metrics().body()).doesNotContain(without.getId());
    }

    @Test
    void aSickGpuGetsNoJob() {
        NodeFacts facts =
                NodeFacts.newBuilder()
                        .setArchitecture("amd64")
                        .addGpus(Gpu.newBuilder().setUuid("GPU-sick").setModel("NVIDIA H100").setSick("2 uncorrected memory errors"))
                        .addGpus(Gpu.newBuilder().setUuid("GPU-well").setModel("NVIDIA H100"))
                        .build();
        scene.add(new FakeNode("node-1", facts, 16, 64L << 30), "node-1");
        assertThat(running(1).getGpusList()).isEqualTo(List.of("GPU-well"));
    }

    private static GpuHealth health(String node, String firstIs) {
        NodeFacts.Builder facts = facts(node, "NVIDIA H100", 2, true);
        facts.getGpusBuilder(0).setSick(firstIs);
        return GpuHealth.newBuilder().addAllGpus(facts.getGpusList()).build();
    }

    private Node only() {
        return scene.stub().listNodes(ListNodesRequest.getDefaultInstance()).getNodes(0);
    }

    @Test
    void aGpuThatBeginsToFailGetsNoJobUntilItIsWellAgainAndTheOneOnItRunsOn() {
        FakeNode node = node("node-1", "NVIDIA H100", 2, true);
        Job first = running(1);
        assertThat(first.getGpusList()).containsExactly("GPU-node-1-0");
        node.say(health("node-1", "Xid 79: it has fallen off the bus"));
        await().atMost(CoordinatorScene.SOON).until(() -> only().getCapacity().getGpus() == 1);
        assertThat(only().getFacts().getGpus(0).getSick()).startsWith("Xid 79");
        assertThat(only().getAllocated().getGpus()).as("what it has is none of those that are left").isZero();
        assertThat(running(1).getGpusList()).as("the other one is free all the same").containsExactly("GPU-node-1-1");
        assertThat(scene.job(first.getId()).getState()).isEqualTo(JobState.RUNNING);
        assertSucceeded(scene.awaitEnd(scene.stub().cancelJob(CancelJobRequest.newBuilder().setJob(first.getId()).build())));
        Job waits = scene.run(JobSpec.newBuilder().setGpus(1));
        assertThat(scene.awaitJob(waits.getId(), job -> !job.getReason().isEmpty()).getReason()).contains("0 of 1 free", "GPU-node-1-0: Xid 79");
        node.say(health("node-1", ""));
        assertThat(scene.awaitState(waits.getId(), JobState.RUNNING).getGpusList()).containsExactly("GPU-node-1-0");
        assertThat(only().getCapacity().getGpus()).isEqualTo(2);
    }

    @Test
    void aGpuThatHasComeSinceGetsTheJobThatWaits() {
        FakeNode node = node("node-1", "NVIDIA H100", 1, true);
        Job first = running(1);
        Job waits = scene.run(JobSpec.newBuilder().setGpus(1));
        assertThat(scene.awaitJob(waits.getId(), job -> !job.getReason().isEmpty()).getReason()).contains("0 of 1 free");
        GpuPlaces places = Places.of(List.of("/dev/nvidia0", "/dev/nvidia1"));
        node.say(GpuHealth.newBuilder().addAllGpus(facts("node-1", "NVIDIA H100", 2, true).getGpusList()).setPlaces(places).setNote("2 GPUs").setDriver("610.1").setCanSave(true).build());
        assertThat(scene.awaitState(waits.getId(), JobState.RUNNING).getGpusList()).containsExactly("GPU-node-1-1");
        assertThat(only().getCapacity().getGpus()).isEqualTo(2);
        assertThat(only().getFacts().getGpuModelsList()).as("by which it is judged whether an image fits").containsExactly("NVIDIA H100", "NVIDIA H100");
        assertThat(only().getFacts().getGpuPlaces()).isEqualTo(places);
        assertThat(only().getFacts().getGpuNote()).isEqualTo("2 GPUs");
        assertThat(only().getFacts().getGpuDriver()).as("of a driver that was not well when the daemon began").isEqualTo("610.1");
        assertThat(only().getFacts().getGpuCanMap()).isFalse();
        assertThat(scene.job(first.getId()).getState()).isEqualTo(JobState.RUNNING);
    }

    @Test
    void whatFitsAgainWhenAGpuIsWellWaitsAndIsNotRefused() {
        FakeNode node = node("node-1", "NVIDIA H100", 2, true);
        node.say(health("node-1", "2 uncorrected memory errors"));
        await().atMost(CoordinatorScene.SOON).until(() -> only().getCapacity().getGpus() == 1);
        Job waits = scene.run(JobSpec.newBuilder().setGpus(2));
        assertThat(refusal(() -> scene.run(JobSpec.newBuilder().setGpus(3)))).isEqualTo(ErrorCode.NEVER_FITS);
        node.say(health("node-1", ""));
        assertThat(scene.awaitState(waits.getId(), JobState.RUNNING).getGpusList()).hasSize(2);
    }

    @Test
    void whatHasNoGpusCantBeParked() {
        scene.add("node-1");
        Job job = scene.running();
        assertThat(refusal(() -> scene.stub().suspendJob(SuspendJobRequest.newBuilder().setJob(job.getId()).setPark(true).build()))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
    }
}
