package dev.ferry.coordinator.leader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.Configs;
import dev.ferry.coordinator.CoordinatorConfig;
import dev.ferry.coordinator.FakeNode;
import dev.ferry.coordinator.api.ErrorTransport;
import dev.ferry.coordinator.store.PostgresServer;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.GetOperationRequest;
import dev.ferry.proto.v1.GetServerRequest;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListNodesRequest;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.RunJobRequest;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Several coordinators on a real database. */
class MembersIT {
    private static final Duration SOON = Duration.ofSeconds(20);
    private static final Duration FAIL_OVER = Duration.ofSeconds(10);

    @TempDir Path folder;
    private PostgresServer server;
    private CoordinatorConfig config;
    private final List<Member> members = new ArrayList<>();
    private final List<ManagedChannel> channels = new ArrayList<>();

    @BeforeEach
    void start() throws Exception {
        server = PostgresServer.start();
        String yaml =
                """
                data: %s/data
                grpcListen: 127.0.0.1:0
                httpListen: 127.0.0.1:0
                heartbeat: 100ms
                nodeTimeout: 2s
                store: {url: "file://%s/store"}
                database: {url: "%s", user: %s, term: 2s}
                security: {tls: false, tokens: false}
                """
                        .formatted(folder, folder, server.newDatabase(), server.user());
        config = Configs.parse(yaml, "the test", CoordinatorConfig.defaults());
        members.add(Member.start(config));
        await().atMost(SOON).until(() -> members.getFirst().leads());
        members.add(Member.start(config));
    }

    @AfterEach
    void stop() throws Exception {
        channels.forEach(ManagedChannel::shutdownNow);
        for (Member member : members) {
            member.close();
        }
        server.close();
    }

    private FerryGrpc.FerryBlockingStub stub(Member member) {
        ManagedChannel channel = NettyChannelBuilder.forAddress("127.0.0.1", member.grpcPort()).usePlaintext().build();
        channels.add(channel);
        return FerryGrpc.newBlockingStub(channel);
    }

    private static ErrorCode refusal(FerryGrpc.FerryBlockingStub stub) {
        try {
            var ignored = stub.getServer(GetServerRequest.getDefaultInstance());
            throw new AssertionError("it was not refused");
        } catch (StatusRuntimeException refused) {
            return ErrorTransport.toError(refused, "the test").code();
        }
    }

    private static HttpResponse<String> get(Member member, String path) throws Exception {
        try (HttpClient client = HttpClient.newHttpClient()) {
            return client.send(HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + member.httpPort() + path)).build(), HttpResponse.BodyHandlers.ofString());
        }
    }

    @Test
    void whoDoesNotLeadSaysWhoDoes() throws Exception {
        Member leader = members.getFirst();
        Member other = members.getLast();
        assertThat(stub(leader).getServer(GetServerRequest.getDefaultInstance()).getEpoch()).isEqualTo(1);
        await().atMost(SOON).untilAsserted(() -> assertThat(get(other, "/v1/jobs").body()).contains("NOT_LEADER", "127.0.0.1:" + leader.grpcPort()));
        assertThat(refusal(stub(other))).isEqualTo(ErrorCode.NOT_LEADER);
        assertThat(get(other, "/healthz").statusCode()).isEqualTo(200);
        assertThat(get(other, "/readyz").statusCode()).isEqualTo(503);
        assertThat(get(leader, "/readyz").statusCode()).isEqualTo(200);
    }

    @Test
    void anOpenOperationGoesOnWithTheNextLeader() throws Exception {
        Member leader = members.getFirst();
        Member next = members.getLast();
        try (FakeNode one = new FakeNode("node-1");
                FakeNode two = new FakeNode("node-2")) {
            one.connect(leader.grpcPort());
            two.connect(leader.grpcPort());
            FerryGrpc.FerryBlockingStub first = stub(leader);
            await().atMost(SOON).until(() -> first.listNodes(ListNodesRequest.getDefaultInstance()).getNodesCount() == 2);
            Job job = first.runJob(RunJobRequest.newBuilder().setSpec(JobSpec.newBuilder().addCommand("/bin/true")).build());
            await().atMost(SOON).until(() -> first.getJob(GetJobRequest.newBuilder().setJob(job.getId()).build()).getState() == JobState.RUNNING);
            List.of(one, two).forEach(node -> node.answer(Command.ActionCase.DUMP, command -> Optional.empty()));
            Operation migration = first.migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build());
            await().atMost(SOON).until(() -> one.actions().contains(Command.ActionCase.DUMP) || two.actions().contains(Command.ActionCase.DUMP));

            leader.close();
            members.remove(leader);
            await().atMost(FAIL_OVER).until(next::leads);
            List.of(one, two).forEach(node -> node.behave(Command.ActionCase.DUMP));
            await().atMost(SOON).ignoreExceptions().until(() -> stub(next).getServer(GetServerRequest.getDefaultInstance()).getEpoch() == 2);
            one.connect(next.grpcPort());
            two.connect(next.grpcPort());
            FerryGrpc.FerryBlockingStub second = stub(next);
            await().atMost(SOON)
                    .until(() -> second.getOperation(GetOperationRequest.newBuilder().setOperation(migration.getId()).build()).getState() == OperationState.SUCCEEDED);
            assertThat(second.getJob(GetJobRequest.newBuilder().setJob(job.getId()).build()).getIncarnation()).isEqualTo(2);
        }
    }

    @Test
    void aLeaderWithoutItsDatabaseStepsDownAndComesBackWithIt() throws Exception {
        Member leader = members.getFirst();
        server.crash();
        await().atMost(SOON).until(() -> members.stream().noneMatch(Member::leads));
        await().atMost(SOON).ignoreExceptions().untilAsserted(() -> assertThat(refusal(stub(leader))).isEqualTo(ErrorCode.NOT_LEADER));
        server.boot();
        await().atMost(SOON).until(() -> members.stream().filter(Member::leads).count() == 1);
    }
}
