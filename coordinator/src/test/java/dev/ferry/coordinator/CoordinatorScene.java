package dev.ferry.coordinator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.coordinator.access.LocalFolder;
import dev.ferry.coordinator.api.ErrorTransport;
import dev.ferry.coordinator.evacuation.DrillConfig;
import dev.ferry.coordinator.evacuation.EvacuationConfig;
import dev.ferry.coordinator.scheduling.SchedulingConfig;
import dev.ferry.proto.v1.AccessGrpc;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.CreateTokenRequest;
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
import dev.ferry.proto.v1.Owner;
import dev.ferry.proto.v1.Role;
import dev.ferry.proto.v1.RunJobRequest;
import dev.ferry.proto.v1.Step;
import dev.ferry.storage.StoreConfig;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.AbstractStub;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
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
    public static final Duration SOON = Duration.ofSeconds(20);

    private final CoordinatorConfig config;
    private final Map<String, FakeNode> nodes = new LinkedHashMap<>();
    private Coordinator coordinator;
    private ManagedChannel channel;

    public CoordinatorScene(Path folder) throws Exception {
        this(folder, SchedulingConfig.defaults());
    }

    public CoordinatorScene(Path folder, SchedulingConfig scheduling) throws Exception {
        this(folder, scheduling, DrillConfig.defaults());
    }

    public CoordinatorScene(Path folder, UpkeepConfig upkeep) throws Exception {
        this(folder, SchedulingConfig.defaults(), DrillConfig.defaults(), upkeep);
    }

    public CoordinatorScene(Path folder, SchedulingConfig scheduling, DrillConfig drill) throws Exception {
        this(folder, scheduling, drill, UpkeepConfig.ofCollections("0s", "0s", "24h"));
    }

    private CoordinatorScene(Path folder, SchedulingConfig scheduling, DrillConfig drill, UpkeepConfig upkeep) throws Exception {
        config =
                new CoordinatorConfig(
                        folder.resolve("data").toString(), "127.0.0.1:0", "127.0.0.1:0", StoreConfig.ofUrl("file://" + folder.resolve("store")), "100ms", "1s", "3s", "restore", "1m", "1m", "1m", "1m", scheduling, new SecurityConfig(false, "", "", "30d", true, "64MiB", 16, false), upkeep, EvacuationConfig.defaults(), drill, "", new ImageFilesConfig("64MiB", 2, "2s"), DatabaseConfig.defaults());
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

    public int grpcPort() {
        return coordinator.grpcPort();
    }

    public int httpPort() {
        return coordinator.httpPort();
    }

    /** As the administrator whose token the coordinator made at its first start. */
    public FerryGrpc.FerryBlockingStub stub() {
        return stub(adminToken());
    }

    public FerryGrpc.FerryBlockingStub stub(String token) {
        return showing(FerryGrpc.newBlockingStub(channel), token).withDeadlineAfter(SOON.toSeconds(), TimeUnit.SECONDS);
    }

    public AccessGrpc.AccessBlockingStub access() {
        return showing(AccessGrpc.newBlockingStub(channel), adminToken()).withDeadlineAfter(SOON.toSeconds(), TimeUnit.SECONDS);
    }

    private static <T extends AbstractStub<T>> T showing(T stub, String token) {
        return stub.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers(token)));
    }

    static Metadata headers(String token) {
        Metadata headers = new Metadata();
        headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + token);
        return headers;
    }

    public Channel channel() {
        return channel;
    }

    public String adminToken() {
        try {
            return Files.readString(Path.of(config.data(), LocalFolder.NAME, LocalFolder.TOKEN)).strip();
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }

    public String token(Role role, String user) {
        return access().createToken(CreateTokenRequest.newBuilder().setRole(role).setOwner(Owner.newBuilder().setUser(user)).build()).getSecret();
    }

    /** A stub of another service of the coordinator. */
    public <T extends AbstractStub<T>> T ask(Function<Channel, T> service) {
        return showing(service.apply(channel), adminToken()).withDeadlineAfter(SOON.toSeconds(), TimeUnit.SECONDS);
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

    public Operation operation(String id) {
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
