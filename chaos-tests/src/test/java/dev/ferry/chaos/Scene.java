package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.cli.Client;
import dev.ferry.cli.cluster.LocalCluster;
import dev.ferry.node.emulator.Cloud;
import dev.ferry.proto.v1.AccountsGrpc;
import dev.ferry.proto.v1.CancelJobRequest;
import dev.ferry.proto.v1.DecisionsGrpc;
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
import dev.ferry.proto.v1.Step;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.IntStream;

/** A real cluster of two nodes with what tests ask of it. */
final class Scene implements AutoCloseable {
    private static final long HEARD_MILLIS = 1000;
    /** Some steps take only milliseconds. */
    static final Duration SOON = Duration.ofSeconds(60);
    // A full disk queue of a shared machine writes an image of 2 GiB in minutes.
    private static final Duration LONG = Duration.ofMinutes(4);
    static final Path JOBS = Path.of("../node-daemon/src/test/resources/jobs").toAbsolutePath().normalize();

    final LocalCluster cluster;
    private Client client;

    Scene(Path folder) throws Exception {
        this(folder, "");
    }

    /**
     * @param store its address; empty: a folder below the other
     */
    Scene(Path folder, String store) throws Exception {
        this(folder, store, "");
    }

    /**
     * @param gpus of each node, as `ferry up --gpus` takes them; empty: none
     */
    Scene(Path folder, String store, String gpus) throws Exception {
        this(folder, store, gpus, Duration.ofSeconds(2));
    }

    /**
     * @param nodeTimeout after how much silence a node counts as down: short where a test kills daemons, long where large
     *     jobs take all that the machine has and nobody is to take a slow daemon for a dead one
     */
    Scene(Path folder, String store, String gpus, Duration nodeTimeout) throws Exception {
        this(folder, store, gpus, nodeTimeout, Map.of(), Optional.empty());
    }

    /** With settings of the coordinator that go before the quick ones. */
    Scene(Path folder, Map<String, String> settings) throws Exception {
        this(folder, "", "", Duration.ofSeconds(2), settings, Optional.empty());
    }

    /**
     * @param settings more keys of the coordinator's configuration
     * @param spot whose machines the nodes are
     */
    Scene(Path folder, String store, String gpus, Duration nodeTimeout, Map<String, String> settings, Optional<Cloud> spot) throws Exception {
        this(folder, store, gpus, nodeTimeout, settings, spot, Map.of());
    }

    /**
     * @param nodeSettings more keys of the nodes' configurations, which have caches though the store is on their disk, and a small spool: to touch 256 MiB takes a second where page faults are slow
     */
    Scene(Path folder, String store, String gpus, Duration nodeTimeout, Map<String, String> settings, Optional<Cloud> spot, Map<String, String> nodeSettings) throws Exception {
        this(new LocalCluster.Plan(folder, 2, store, "127.0.0.1:0", "127.0.0.1:0", quick(nodeTimeout, settings), gpus, spot, light(nodeSettings)));
    }

    Scene(LocalCluster.Plan plan) throws Exception {
        cluster = LocalCluster.start(plan);
        client = new Client(cluster.server());
    }

    /** Two coordinators on a database, whose address the settings hold. */
    static Scene ofTwoCoordinators(Path folder, Map<String, String> settings) throws Exception {
        return new Scene(new LocalCluster.Plan(folder, 2, "", "", "", quick(Duration.ofSeconds(2), settings)).sharedBy(2));
    }

    private static Map<String, String> quick(Duration nodeTimeout, Map<String, String> settings) {
        Map<String, String> quick = new HashMap<>(Map.of("heartbeat", "250ms", "nodeTimeout", nodeTimeout.toMillis() + "ms", "lease", Math.max(20_000, nodeTimeout.toMillis()) + "ms"));
        quick.putAll(settings);
        return quick;
    }

    private static Map<String, String> light(Map<String, String> nodeSettings) {
        Map<String, String> light = new HashMap<>(Map.of("chunkCache", "1GiB", "spoolMemory", "64MiB"));
        light.putAll(nodeSettings);
        return light;
    }

    /** Runs one of the test programs as a job and waits until it has written a few lines. */
    Job run(String program, long memoryMebibytes, String... arguments) {
        return run(program(program, arguments).setMemoryBytes(memoryMebibytes << 20));
    }

    /** One of the test programs as a job. */
    JobSpec.Builder program(String program, String... arguments) {
        return JobSpec.newBuilder()
                .addCommand("/usr/bin/python3")
                .addCommand("/jobs/" + program)
                .addAllCommand(List.of(arguments))
                .addMounts(Mount.newBuilder().setSource(JOBS.toString()).setDestination("/jobs").setReadOnly(true));
    }

    /** Runs a job and waits until it has written a few lines. */
    Job run(JobSpec.Builder spec) {
        Job job = submit(spec);
        // Between the coordinator's decision and the daemon's first act the node does not know the job yet; and to fill some GiB takes a minute where page faults are slow.
        await().atMost(LONG).ignoreExceptions().until(() -> log(job.getId()).size() >= 3 && job(job.getId()).getOperation().isEmpty());
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

    <T> T accounts(Function<AccountsGrpc.AccountsBlockingStub, T> call) {
        return client.askAccounts(call);
    }

    <T> T decisions(Function<DecisionsGrpc.DecisionsBlockingStub, T> call) {
        return client.askDecisions(call);
    }

    /** Waits until a job has begun to run. */
    Job awaitStarted(String job) {
        await().atMost(SOON).until(() -> job(job).getStartedAt() > 0);
        return job(job);
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
        // The record says in which step an operation that does not end stands, and since when.
        await().atMost(LONG).ignoreExceptions().untilAsserted(() -> assertThat(operation(begun.getId())).matches(now -> now.getState() != OperationState.OPEN, "has ended"));
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
        // A step of a large job looks at all of its memory, on a machine that others use too.
        await().atMost(LONG).until(() -> log(job).size() > before + 3);
        List<String> steps = log(job);
        assertThat(steps).isEqualTo(IntStream.range(0, steps.size()).mapToObj(step -> "step " + step).toList());
        await().atMost(SOON).untilAsserted(() -> assertThat(nodesWith(job)).containsExactly(nodeNumber(job(job).getNode())));
    }

    static int nodeNumber(String name) {
        return LocalCluster.nodeNumber(name);
    }

    void cancel(String job) {
        Operation ignored = succeed(stub -> stub.cancelJob(CancelJobRequest.newBuilder().setJob(job).build()));
        assertThat(nodesWith(job)).isEmpty();
    }

    /** Returns as soon as a step is open, or has been: some take only milliseconds. It is told and does not ask, which would take time from those who do the steps before. */
    boolean awaitStep(Operation begun, String step) throws IOException {
        GetOperationRequest request = GetOperationRequest.newBuilder().setOperation(begun.getId()).build();
        return client.read(SOON, stub -> stub.watchOperation(request), told -> {
            while (told.hasNext()) {
                if (told.next().getStepsList().stream().map(Step::getName).anyMatch(step::equals)) {
                    return true;
                }
            }
            return false;
        });
    }

    /** kill -9 of the coordinator; another one takes its place at once. */
    void killCoordinator() throws Exception {
        cluster.coordinator().kill();
        cluster.startCoordinator();
        reconnect();
    }

    /** kill -9 of a node's daemon; another one takes its place at once. */
    void killNode(int number) throws Exception {
        cluster.node(number).kill();
        cluster.startNode(number);
    }

    @Override
    public void close() throws Exception {
        client.close();
        cluster.close();
    }
}
