package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetNodeRequest;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListNodesRequest;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.Mount;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.RebalancePlan;
import dev.ferry.proto.v1.RebalanceRequest;
import dev.ferry.proto.v1.ResumeJobRequest;
import dev.ferry.proto.v1.SuspendJobRequest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** GPU jobs in a cluster of two nodes, each with two stand-in GPUs of its own UUIDs. */
class GpuStandInIT {
    private static final String GPUS = "stand-in:2xH100:580:1GiB";
    private static final int MOVES = Integer.getInteger("ferry.gpu.moves", 10);

    private Scene scene;

    @BeforeEach
    void open(@TempDir Path folder) throws Exception {
        scene = new Scene(folder, "", GPUS);
    }

    @AfterEach
    void close() throws Exception {
        scene.close();
    }

    private JobSpec.Builder job(int gpus, String... command) throws IOException {
        return JobSpec.newBuilder()
                .addAllCommand(List.of(command))
                .setGpus(gpus)
                .setMemoryBytes(256L << 20)
                .addMounts(Mount.newBuilder().setSource(scene.cluster.gpus(1).jobs().toString()).setDestination("/jobs").setReadOnly(true));
    }

    private List<String> reference(String program, String... arguments) throws Exception {
        List<String> words = new ArrayList<>(List.of(scene.cluster.gpus(1).jobs().resolve(program).toString()));
        words.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(words);
        builder.environment().putAll(scene.cluster.gpus(1).environment());
        Process process = builder.redirectErrorStream(true).start();
        List<String> lines = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).lines().toList();
        assertThat(process.waitFor()).as(lines.toString()).isZero();
        return lines;
    }

    @Test
    void aTrainingOnTwoGpusAndThreeProcessesMovesAndEndsBitIdentical() throws Exception {
        String steps = Integer.toString(200 + 150 * MOVES);
        List<String> reference = reference("train", steps, "3", "1");
        Job job = scene.run(job(2, "/jobs/train", steps, "3", "1"));
        for (int move = 1; move <= MOVES; move++) {
            List<String> before = scene.job(job.getId()).getGpusList();
            Operation moved = scene.succeed(stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build()));
            assertThat(moved.getGpuCommitAt()).isPositive().isLessThanOrEqualTo(moved.getKillCommitAt());
            assertThat(scene.job(job.getId()).getGpusList()).hasSize(2).doesNotContainAnyElementsOf(before);
            int lines = scene.log(job.getId()).size();
            await().atMost(Scene.SOON).until(() -> scene.log(job.getId()).size() > lines);
        }
        scene.awaitState(job.getId(), JobState.EXITED);
        assertThat(scene.log(job.getId())).isEqualTo(reference);
        await().atMost(Scene.SOON).untilAsserted(() -> assertThat(scene.cluster.gpus(1).used() + scene.cluster.gpus(2).used()).isZero());
    }

    @Test
    void aParkedJobsGpusAreAnothersBeforeItsImageIsStored() throws Exception {
        Job first = scene.run(job(2, "/jobs/train", "100000", "2", "1").setNode("node-1"));
        Job waits = scene.submit(job(1, "/jobs/train", "100000", "1", "1").setNode("node-1"));
        await().atMost(Scene.SOON).until(() -> scene.job(waits.getId()).getReason().contains("GPUs wanted"));
        Operation parked = scene.succeed(stub -> stub.suspendJob(SuspendJobRequest.newBuilder().setJob(first.getId()).setPark(true).build()));
        Job second = scene.awaitState(waits.getId(), JobState.RUNNING);
        assertThat(first.getGpusList()).containsAll(second.getGpusList());
        assertThat(scene.job(first.getId()).getState()).isEqualTo(JobState.PARKED);
        assertThat(second.getStartedAt()).isGreaterThanOrEqualTo(parked.getGpuCommitAt());
        // No way back on this node while the other has one of the two.
        Operation refused = scene.fail(ErrorCode.NO_CAPACITY, stub -> stub.resumeJob(ResumeJobRequest.newBuilder().setJob(first.getId()).build()));
        assertThat(refused.getError().getMessage()).contains("another job has it").contains("stays parked");
        // Down to the store, without thawing, and on on the other node.
        Operation stored = scene.succeed(stub -> stub.suspendJob(SuspendJobRequest.newBuilder().setJob(first.getId()).build()));
        assertThat(stored.getKillCommitAt()).isGreaterThan(second.getStartedAt());
        assertThat(scene.succeed(stub -> stub.resumeJob(ResumeJobRequest.newBuilder().setJob(first.getId()).setNode("node-2").build())).getTargetNode()).isEqualTo("node-2");
        Job other = scene.job(first.getId());
        int lines = scene.log(other.getId()).size();
        await().atMost(Scene.SOON).until(() -> scene.log(other.getId()).size() > lines);
        scene.cancel(second.getId());
        // Parked and back on the same node.
        scene.succeed(stub -> stub.suspendJob(SuspendJobRequest.newBuilder().setJob(first.getId()).setPark(true).build()));
        scene.succeed(stub -> stub.resumeJob(ResumeJobRequest.newBuilder().setJob(first.getId()).build()));
        int more = scene.log(first.getId()).size();
        await().atMost(Scene.SOON).until(() -> scene.log(first.getId()).size() > more);
        await().atMost(Scene.SOON).until(() -> scene.job(first.getId()).getUse().getGpuMemoryPeakBytes() > 0 && scene.job(first.getId()).getUse().getGpuSampledMillis() > 0);
        scene.cancel(first.getId());
    }

    @Test
    void aDaemonThatIsKilledWhileTheDriverWorksFindsTheJobAgain() throws Exception {
        Job job = scene.run(job(2, "/jobs/train", "100000", "2", "1").setNode("node-1"));
        for (String call : List.of("lock", "checkpoint", "restore", "unlock")) {
            assertThat(scene.cluster.gpus(1).control("fault " + call + " slow 1500 1")).isEqualTo("ok\n");
            int calls = scene.cluster.gpus(1).calls().size();
            boolean back = call.equals("restore") || call.equals("unlock");
            Operation begun =
                    back
                            ? scene.begin(stub -> stub.checkpointJob(dev.ferry.proto.v1.CheckpointJobRequest.newBuilder().setJob(job.getId()).build()))
                            : scene.begin(stub -> stub.suspendJob(SuspendJobRequest.newBuilder().setJob(job.getId()).setPark(true).build()));
            await().atMost(Scene.SOON)
                    .pollInterval(Duration.ofMillis(10))
                    .until(() -> scene.cluster.gpus(1).calls().stream().skip(calls).anyMatch(line -> line.endsWith(" " + call)));
            scene.cluster.node(1).kill();
            scene.cluster.startNode(1);
            scene.awaitNodes();
            Operation ignored = scene.awaitEnd(begun);
            await().atMost(Scene.SOON).until(() -> scene.job(job.getId()).getState() == JobState.RUNNING && scene.job(job.getId()).getOperation().isEmpty());
            int lines = scene.log(job.getId()).size();
            await().atMost(Scene.SOON).until(() -> scene.log(job.getId()).size() > lines);
            assertThat(scene.nodesWith(job.getId())).containsExactly(1);
        }
        scene.cancel(job.getId());
        await().atMost(Scene.SOON).untilAsserted(() -> assertThat(scene.cluster.gpus(1).used()).isZero());
    }

    /** Gives a node a specification of its GPUs with one file, and starts its daemon anew. */
    private void specify(int node) throws Exception {
        Path folder = Files.createDirectories(scene.cluster.cdi(node));
        Path library = Files.writeString(folder.resolve("libnvidia.so"), "of node " + node);
        String devices =
                scene.ask(stub -> stub.listNodes(ListNodesRequest.getDefaultInstance())).getNodesList().stream()
                        .filter(one -> one.getName().equals("node-" + node))
                        .flatMap(one -> one.getFacts().getGpusList().stream())
                        .map(gpu -> "- {name: " + gpu.getUuid() + ", containerEdits: {deviceNodes: [{path: /dev/nvidia" + gpu.getMinor() + "}]}}\n")
                        .collect(Collectors.joining());
        Files.writeString(folder.resolve("nvidia.yaml"), "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices:\n" + devices + "containerEdits:\n  mounts: [{hostPath: " + library + ", containerPath: /driver/libnvidia.so}]\n");
        scene.cluster.node(node).kill();
        scene.cluster.startNode(node);
        scene.awaitNodes();
    }

    @Test
    void aNodeWithoutTheFilesOfTheJobsGpusIsRefusedWhileTheJobRunsOn() throws Exception {
        specify(1);
        Job job = scene.run(job(1, "/jobs/train", "100000", "1", "1").setNode("node-1"));
        assertThat(scene.job(job.getId()).getGpuFiles().getFilesList()).singleElement().satisfies(file -> assertThat(file.getDestination()).isEqualTo("/driver/libnvidia.so"));
        Operation refused = scene.fail(ErrorCode.NODE_INCOMPATIBLE, stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).setTo("node-2").build()));
        assertThat(refused.getError().getMessage()).contains("node-2", "/driver/libnvidia.so");
        assertThat(refused.getStepsList()).noneMatch(step -> step.getName().equals("DUMP"));
        // Anywhere else is nowhere, and the refusal says why.
        Operation nowhere = scene.fail(ErrorCode.NO_CAPACITY, stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build()));
        assertThat(nowhere.getError().getMessage()).contains("/driver/libnvidia.so");
        int lines = scene.log(job.getId()).size();
        await().atMost(Scene.SOON).until(() -> scene.log(job.getId()).size() > lines);
        // What its image says holds of a stored job.
        scene.succeed(stub -> stub.suspendJob(SuspendJobRequest.newBuilder().setJob(job.getId()).build()));
        scene.fail(ErrorCode.NODE_INCOMPATIBLE, stub -> stub.resumeJob(ResumeJobRequest.newBuilder().setJob(job.getId()).setNode("node-2").build()));
        specify(2);
        assertThat(scene.succeed(stub -> stub.resumeJob(ResumeJobRequest.newBuilder().setJob(job.getId()).setNode("node-2").build())).getTargetNode()).isEqualTo("node-2");
        scene.cancel(job.getId());
    }

    private Node node(String name) {
        return scene.ask(stub -> stub.getNode(GetNodeRequest.newBuilder().setNode(name).build()));
    }

    /** Nothing is started anew in all of it. */
    @Test
    void aGpuThatBeginsToFailGetsNoJobsUntilItIsWellAndARebalanceMovesTheOneOnItAway() throws Exception {
        Job job = scene.run(job(1, "/jobs/train", "100000", "1", "1"));
        String from = job.getNode();
        int number = Integer.parseInt(from.replace("node-", ""));
        int minor = node(from).getFacts().getGpusList().stream().filter(gpu -> gpu.getUuid().equals(job.getGpus(0))).findFirst().orElseThrow().getMinor();
        assertThat(scene.cluster.gpus(number).control("health " + minor + " 0 2 0")).isEqualTo("ok\n");
        await().atMost(Scene.SOON).until(() -> node(from).getCapacity().getGpus() == 1);
        assertThat(node(from).getFacts().getGpusList()).filteredOn(gpu -> gpu.getSick().startsWith("2 uncorrected")).extracting(Gpu::getUuid).containsExactly(job.getGpus(0));
        int lines = scene.log(job.getId()).size();
        await().atMost(Scene.SOON).until(() -> scene.log(job.getId()).size() > lines);
        Job waits = scene.submit(job(2, "/jobs/train", "100000", "1", "1").setNode(from));
        await().atMost(Scene.SOON).until(() -> scene.job(waits.getId()).getReason().contains("2 uncorrected"));
        RebalancePlan plan = scene.decisions(stub -> stub.rebalance(RebalanceRequest.getDefaultInstance()));
        assertThat(plan.getLeavingList()).singleElement().satisfies(move -> {
            assertThat(move.getJob()).isEqualTo(job.getId());
            assertThat(move.getWhy()).contains(job.getGpus(0) + " is failing: 2 uncorrected");
        });
        await().atMost(Scene.SOON).until(() -> !scene.job(job.getId()).getNode().equals(from) && scene.job(job.getId()).getState() == JobState.RUNNING);
        assertThat(scene.job(waits.getId()).getState()).isEqualTo(JobState.PENDING);
        // The driver says that the other one is off the bus, and then the first one is well.
        assertThat(scene.cluster.gpus(number).control("xid " + (1 - minor) + " 79")).isEqualTo("ok\n");
        await().atMost(Scene.SOON).until(() -> node(from).getCapacity().getGpus() == 0);
        assertThat(scene.cluster.gpus(number).control("health " + minor + " 0 0 0")).isEqualTo("ok\n");
        await().atMost(Scene.SOON).until(() -> node(from).getCapacity().getGpus() == 1);
        assertThat(node(from).getFacts().getGpusList()).extracting(Gpu::getSick).containsExactlyInAnyOrder("", "Xid 79: it has fallen off the bus");
        Job next = scene.run(job(1, "/jobs/train", "100000", "1", "1").setNode(from));
        assertThat(next.getGpusList()).isEqualTo(job.getGpusList());
        for (Job one : List.of(job, waits, next)) {
            scene.cancel(one.getId());
        }
    }

    @Test
    void nodesSayThatTheirGpusAreAStandIns() {
        assertThat(scene.ask(stub -> stub.listNodes(ListNodesRequest.getDefaultInstance())).getNodesList())
                .allSatisfy(
                        node -> {
                            assertThat(node.getFacts().getGpuStandIn()).isTrue();
                            assertThat(node.getFacts().getGpuNote()).startsWith("gpu: stand-in");
                            assertThat(node.getCapacity().getGpus()).isEqualTo(2);
                            assertThat(node.getFacts().getGpusList()).hasSize(2);
                        });
    }
}
