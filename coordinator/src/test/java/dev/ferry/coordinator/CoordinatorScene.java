package dev.ferry.coordinator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.coordinator.api.ErrorTransport;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.GetOperationRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListNodesRequest;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.RunJobRequest;
import dev.ferry.proto.v1.Step;
import dev.ferry.storage.StoreConfig;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** A real coordinator on a real database, with daemons that tests play. */
public final class CoordinatorScene implements AutoCloseable {
    static final Duration SOON = Duration.ofSeconds(20);

    private final CoordinatorConfig config;
    private final Map<String, FakeNode> nodes = new LinkedHashMap<>();
    private Coordinator coordinator;
    private ManagedChannel channel;

    public CoordinatorScene(Path folder) throws Exception {
        config =
                new CoordinatorConfig(
                        folder.resolve("data").toString(), "127.0.0.1:0", "127.0.0.1:0", StoreConfig.ofUrl("file://" + folder.resolve("store")), "100ms", "1s", "1m", "1m", "1m", "1m");
        start();
    }

    public void start() throws Exception {
        coordinator = Coordinator.start(config);
        channel = NettyChannelBuilder.forAddress("127.0.0.1", coordinator.grpcPort()).usePlaintext().build();
        nodes.values().forEach(node -> node.connect(coordinator.grpcPort()));
    }

    public void stop() {
        channel.shutdownNow();
        coordinator.close();
    }

    public FakeNode add(FakeNode node, String name) {
        nodes.put(name, node);
        node.connect(coordinator.grpcPort());
        await().atMost(SOON).until(() -> stub().listNodes(ListNodesRequest.getDefaultInstance()).getNodesList().stream().anyMatch(there -> there.getName().equals(name)));
        return node;
    }

    public FakeNode add(String name) {
        return add(new FakeNode(name), name);
    }

    FakeNode node(String name) {
        return nodes.get(name);
    }

    int port() {
        return coordinator.grpcPort();
    }

    public int httpPort() {
        return coordinator.httpPort();
    }

    public FerryGrpc.FerryBlockingStub stub() {
        return FerryGrpc.newBlockingStub(channel).withDeadlineAfter(SOON.toSeconds(), TimeUnit.SECONDS);
    }

    public Job run(JobSpec.Builder spec) {
        return stub().runJob(RunJobRequest.newBuilder().setSpec(spec.addCommand("/bin/true")).build());
    }

    /** A job that runs on node-1, as the first one does: of nodes that are as empty the first is taken. */
    public Job running() {
        Job job = awaitState(run(JobSpec.newBuilder()).getId(), JobState.RUNNING);
        assertThat(job.getNode()).isEqualTo("node-1");
        return job;
    }

    public Job job(String id) {
        return stub().getJob(GetJobRequest.newBuilder().setJob(id).build());
    }

    public Job awaitJob(String id, java.util.function.Predicate<Job> wanted) {
        await().atMost(SOON).until(() -> wanted.test(job(id)));
        return job(id);
    }

    public Job awaitState(String id, JobState state) {
        return awaitJob(id, job -> job.getState() == state && job.getOperation().isEmpty());
    }

    Operation operation(String id) {
        return stub().getOperation(GetOperationRequest.newBuilder().setOperation(id).build());
    }

    public Operation awaitEnd(Operation begun) {
        await().atMost(SOON).until(() -> operation(begun.getId()).getState() != OperationState.OPEN);
        return operation(begun.getId());
    }

    Operation awaitStep(Operation begun, String step) {
        await().atMost(SOON).until(() -> names(operation(begun.getId())).contains(step));
        return operation(begun.getId());
    }

    static List<String> names(Operation operation) {
        return operation.getStepsList().stream().map(Step::getName).toList();
    }

    /** The error that a call ends in. */
    public static ErrorCode refusal(Runnable call) {
        try {
            call.run();
        } catch (StatusRuntimeException refused) {
            return ErrorTransport.toError(refused, "the test").code();
        }
        throw new AssertionError("the call was not refused");
    }

    public static <T> Function<T, Optional<CommandResult>> silence() {
        return command -> Optional.empty();
    }

    static void assertSucceeded(Operation ended) {
        assertThat(ended.getState()).as(ended.toString()).isEqualTo(OperationState.SUCCEEDED);
    }

    static void assertFailed(Operation ended, ErrorCode code) {
        assertThat(ended.getState()).as(ended.toString()).isEqualTo(OperationState.FAILED_OPERATION);
        assertThat(ended.getError().getCode()).as(ended.toString()).isEqualTo(code);
    }

    @Override
    public void close() {
        nodes.values().forEach(FakeNode::close);
        stop();
    }
}
