package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.cli.Client;
import dev.ferry.cli.cluster.LocalCluster;
import dev.ferry.proto.v1.CancelJobRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.GetOperationRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListJobsRequest;
import dev.ferry.proto.v1.ListNodesRequest;
import dev.ferry.proto.v1.LogChunk;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.Mount;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.ReadLogRequest;
import dev.ferry.proto.v1.RunJobRequest;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.IntStream;

/** A real cluster of two nodes with what tests ask of it. */
final class Scene implements AutoCloseable {
    private static final long HEARD_MILLIS = 1000;
    static final Duration SOON = Duration.ofSeconds(60);
    private static final Path JOBS = Path.of("../node-daemon/src/test/resources/jobs").toAbsolutePath().normalize();

    final LocalCluster cluster;
    private Client client;

    Scene(Path folder) throws Exception {
        this(folder, "");
    }

    /**
     * @param store its address; empty: a folder below the other
     */
    Scene(Path folder, String store) throws Exception {
        Map<String, String> quick = Map.of("heartbeat", "250ms", "nodeTimeout", "2s");
        cluster = LocalCluster.start(new LocalCluster.Plan(folder, 2, store, "127.0.0.1:0", "127.0.0.1:0", quick));
        client = new Client(cluster.server());
    }

    /** Runs one of the test programs as a job and waits until it has written a few lines. */
    Job run(String program, long memoryMebibytes, String... arguments) {
        JobSpec.Builder spec =
                JobSpec.newBuilder()
                        .addCommand("/usr/bin/python3")
                        .addCommand("/jobs/" + program)
                        .addAllCommand(List.of(arguments))
                        .setMemoryBytes(memoryMebibytes << 20)
                        .addMounts(Mount.newBuilder().setSource(JOBS.toString()).setDestination("/jobs").setReadOnly(true));
        return run(spec);
    }

    /** Runs a job and waits until it has written a few lines. */
    Job run(JobSpec.Builder spec) {
        Job job = submit(spec);
        await().atMost(SOON).until(() -> log(job.getId()).size() >= 3 && job(job.getId()).getOperation().isEmpty());
        return job(job.getId());
    }

    Job submit(JobSpec.Builder spec) {
        return ask(stub -> stub.runJob(RunJobRequest.newBuilder().setSpec(spec).build()));
    }

    Job awaitState(String job, JobState state) {
        await().atMost(SOON).until(() -> job(job).getState() == state && job(job).getOperation().isEmpty());
        return job(job);
    }

    Operation fail(ErrorCode code, Function<FerryGrpc.FerryBlockingStub, Operation> call) {
        Operation ended = awaitEnd(begin(call));
        assertThat(ended.getState()).as(ended.toString()).isEqualTo(OperationState.FAILED_OPERATION);
        assertThat(ended.getError().getCode()).as(ended.toString()).isEqualTo(code);
        return ended;
    }

    <T> T ask(Function<FerryGrpc.FerryBlockingStub, T> call) {
        return client.ask(call);
    }

    /** After the coordinator was started again. */
    void reconnect() {
        client.close();
        client = new Client(cluster.server());
    }

    /** Waits until every daemon has a stream to the coordinator, as after a restart of either. */
    void awaitNodes() {
        await().atMost(SOON)
                .ignoreExceptions()
                .until(
                        () ->
                                ask(stub -> stub.listNodes(ListNodesRequest.getDefaultInstance())).getNodesList().stream()
                                        .allMatch(node -> node.getState() == NodeState.READY && System.currentTimeMillis() - node.getLastHeardAt() < HEARD_MILLIS));
    }

    Job job(String id) {
        return ask(stub -> stub.getJob(GetJobRequest.newBuilder().setJob(id).build()));
    }

    List<Job> jobs() {
        return ask(stub -> stub.listJobs(ListJobsRequest.getDefaultInstance())).getJobsList();
    }

    Operation begin(Function<FerryGrpc.FerryBlockingStub, Operation> call) {
        return ask(call);
    }

    Operation migrate(String job) {
        return begin(stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job).build()));
    }

    Operation operation(String id) {
        return ask(stub -> stub.getOperation(GetOperationRequest.newBuilder().setOperation(id).build()));
    }

    Operation awaitEnd(Operation begun) {
        await().atMost(Duration.ofMinutes(2)).ignoreExceptions().until(() -> operation(begun.getId()).getState() != OperationState.OPEN);
        return operation(begun.getId());
    }

    Operation succeed(Function<FerryGrpc.FerryBlockingStub, Operation> call) {
        Operation ended = awaitEnd(begin(call));
        assertThat(ended.getState()).as(ended.toString()).isEqualTo(OperationState.SUCCEEDED);
        return ended;
    }

    List<String> log(String job) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        client.each(stub -> stub.readLog(ReadLogRequest.newBuilder().setJob(job).build()), (LogChunk piece) -> bytes.writeBytes(piece.getData().toByteArray()));
        String text = bytes.toString(StandardCharsets.UTF_8);
        return text.substring(0, text.lastIndexOf('\n') + 1).lines().toList();
    }

    /** Nodes on which a process of the job is alive. */
    List<Integer> nodesWith(String job) {
        return IntStream.rangeClosed(1, 2).filter(node -> !cluster.jobProcesses(node, job).isEmpty()).boxed().toList();
    }

    /** The job runs, on one node only, writes on, and has written every step once. */
    void assertRunsOnceWithoutGap(String job) {
        await().atMost(SOON).until(() -> job(job).getState() == JobState.RUNNING && job(job).getOperation().isEmpty());
        int before = log(job).size();
        await().atMost(SOON).until(() -> log(job).size() > before + 3);
        List<String> steps = log(job);
        assertThat(steps).isEqualTo(IntStream.range(0, steps.size()).mapToObj(step -> "step " + step).toList());
        await().atMost(SOON).untilAsserted(() -> assertThat(nodesWith(job)).containsExactly(nodeNumber(job(job).getNode())));
    }

    static int nodeNumber(String name) {
        return Integer.parseInt(name.substring(name.indexOf('-') + 1));
    }

    void cancel(String job) {
        Operation ignored = succeed(stub -> stub.cancelJob(CancelJobRequest.newBuilder().setJob(job).build()));
        assertThat(nodesWith(job)).isEmpty();
    }

    @Override
    public void close() throws Exception {
        client.close();
        cluster.close();
    }
}
