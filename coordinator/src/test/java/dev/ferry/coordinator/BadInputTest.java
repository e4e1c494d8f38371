package dev.ferry.coordinator;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import dev.ferry.common.testing.Mutations;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FromNode;
import dev.ferry.proto.v1.Hello;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListJobsRequest;
import dev.ferry.proto.v1.Mount;
import dev.ferry.proto.v1.NodeLinkGrpc;
import dev.ferry.proto.v1.RunJobRequest;
import dev.ferry.proto.v1.ToNode;
import io.grpc.CallOptions;
import io.grpc.ClientInterceptors;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import io.vertx.core.json.JsonObject;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever a caller sends is answered by a clean refusal, and the coordinator goes on. Each case is a seed. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BadInputTest {
    private static final int SEEDS = 40;
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    @TempDir static Path folder;
    private final HttpClient http = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();
    private CoordinatorScene scene;

    @BeforeAll
    void open() throws Exception {
        scene = new CoordinatorScene(folder);
        scene.add("node-1");
    }

    @AfterAll
    void close() {
        http.close();
        scene.close();
    }

    private void assertAnswers() {
        assertThat(scene.stub().listJobs(ListJobsRequest.getDefaultInstance()).getJobsList()).isNotNull();
    }

    static Stream<MethodDescriptor<Message, Message>> calls() {
        return AnyCall.methods().stream().filter(method -> method.getType() != MethodDescriptor.MethodType.BIDI_STREAMING);
    }

    @ParameterizedTest
    @MethodSource("calls")
    void messagesThatNobodyWouldSend(MethodDescriptor<Message, Message> method) {
        for (int seed = 0; seed < SEEDS; seed++) {
            Message request = new Mutations(seed).message(AnyCall.request(method));
            assertThat(AnyCall.call(scene.channel(), Optional.of(scene.adminToken()), method, request)).as("seed %d: %s", seed, request).isNotEqualTo(Optional.of(ErrorCode.INTERNAL));
        }
        assertAnswers();
    }

    /** Sends bytes as they are. */
    private enum Raw implements MethodDescriptor.Marshaller<byte[]> {
        BYTES;

        @Override
        public InputStream stream(byte[] value) {
            return new ByteArrayInputStream(value);
        }

        @Override
        public byte[] parse(InputStream stream) {
            try {
                return stream.readAllBytes();
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("calls")
    void bytesThatAreNoMessage(MethodDescriptor<Message, Message> method) {
        MethodDescriptor<byte[], byte[]> raw = method.toBuilder(Raw.BYTES, Raw.BYTES).build();
        var channel = ClientInterceptors.intercept(scene.channel(), MetadataUtils.newAttachHeadersInterceptor(CoordinatorScene.headers(scene.adminToken())));
        for (int seed = 0; seed < SEEDS / 4; seed++) {
            Mutations mutations = new Mutations(seed);
            byte[] bytes = seed % 2 == 0 ? mutations.noise(200) : mutations.damage(mutations.message(AnyCall.request(method)).toByteArray());
            try {
                ClientCalls.blockingServerStreamingCall(channel, raw, CallOptions.DEFAULT.withDeadlineAfter(PATIENCE.toSeconds(), TimeUnit.SECONDS), bytes).hasNext();
            } catch (StatusRuntimeException refused) {
                assertThat(refused.getStatus().getCode()).as("seed %d", seed).isNotIn(Status.Code.DEADLINE_EXCEEDED, Status.Code.UNAVAILABLE);
            }
        }
        assertAnswers();
    }

    @Test
    void bodiesAndPathsThatNobodyWouldSend() throws Exception {
        JsonObject description = new JsonObject(ask("GET", "/openapi.json", new byte[0]).body());
        byte[] good = JsonFormat.printer().print(RunJobRequest.newBuilder().setSpec(JobSpec.newBuilder().setName("web").addCommand("/bin/true"))).getBytes(java.nio.charset.StandardCharsets.UTF_8);
        List<String> fillings = List.of("x", "%00", "..%2F..", "%F0%9F%98%80", "j-aaaaaaaa", "a%0Ab", "%25s");
        for (String path : description.getJsonObject("paths").fieldNames()) {
            for (String method : description.getJsonObject("paths").getJsonObject(path).fieldNames()) {
                for (int seed = 0; seed < 8; seed++) {
                    Mutations mutations = new Mutations(seed);
                    byte[] body = seed % 2 == 0 ? mutations.noise(300) : mutations.damage(good);
                    String filled = path.replaceAll("\\{\\w+\\}", fillings.get(seed % fillings.size()));
                    HttpResponse<String> answer = ask(method.toUpperCase(java.util.Locale.ROOT), filled + (seed > 5 ? "?all=%00&job=%FF&offset=-1" : ""), body);
                    assertThat(answer.statusCode()).as("%s %s seed %d: %s", method, filled, seed, answer.body()).isNotIn(500, 502).isLessThan(504);
                }
            }
        }
        assertThat(ask("POST", "/v1/jobs", new byte[5 << 20]).statusCode()).as("a body that is too large").isEqualTo(413);
        assertAnswers();
    }

    private HttpResponse<String> ask(String method, String path, byte[] body) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + scene.httpPort() + path)).timeout(PATIENCE).header("authorization", "Bearer " + scene.adminToken());
        return http.send(request.method(method, HttpRequest.BodyPublishers.ofByteArray(body)).build(), HttpResponse.BodyHandlers.ofString());
    }

    @Test
    void whatANodeSaysThatIsNoNode() throws Exception {
        for (int seed = 0; seed < SEEDS; seed++) {
            Mutations mutations = new Mutations(seed);
            CountDownLatch over = new CountDownLatch(1);
            StreamObserver<FromNode> stream =
                    NodeLinkGrpc.newStub(scene.channel())
                            .connect(
                                    new StreamObserver<>() {
                                        @Override
                                        public void onNext(ToNode message) {}

                                        @Override
                                        public void onError(Throwable failure) {
                                            over.countDown();
                                        }

                                        @Override
                                        public void onCompleted() {
                                            over.countDown();
                                        }
                                    });
            if (seed % 2 == 0) {
                stream.onNext(FromNode.newBuilder().setHello(Hello.newBuilder().setNode("stranger-" + seed)).build());
            }
            for (int message = 0; message < 10; message++) {
                stream.onNext((FromNode) mutations.message(FromNode.getDefaultInstance()));
            }
            stream.onCompleted();
            assertThat(over.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).as("seed %d", seed).isTrue();
        }
        assertAnswers();
        scene.awaitState(scene.run(JobSpec.newBuilder().setNode("node-1")).getId(), JobState.RUNNING);
    }

    @Test
    void pathTricksAndGiantsAreRefusedAtSubmission() {
        for (String source : List.of("/data/../etc", "/data/./x", "/data//x", "/proc/1/root", "/sys", "/dev/sda", "/run/docker.sock", "/", "/a\nb", "/" + "x".repeat(5000), "relative")) {
            assertRefused(JobSpec.newBuilder().addMounts(Mount.newBuilder().setSource(source).setDestination("/m")));
            assertRefused(JobSpec.newBuilder().setWorkdir(source));
            if (!source.equals("/")) {
                assertRefused(JobSpec.newBuilder().setRootfs(source));
            }
        }
        for (String destination : List.of("/m/../proc", "/proc/x", "/sys", "/dev", "/.ferry/ctl", "/", "m")) {
            assertRefused(JobSpec.newBuilder().addMounts(Mount.newBuilder().setSource("/data").setDestination(destination)));
        }
        assertRefused(JobSpec.newBuilder().putEnvironment("BIG", "x".repeat(200_000)));
        assertRefused(JobSpec.newBuilder().addAllCommand(java.util.Collections.nCopies(5000, "x")));
        assertRefused(JobSpec.newBuilder().setCpuMillis(Long.MAX_VALUE));
        assertRefused(JobSpec.newBuilder().setMemoryBytes(Long.MAX_VALUE));
        assertRefused(JobSpec.newBuilder().setNode("n".repeat(300)));
    }

    private void assertRefused(JobSpec.Builder spec) {
        assertThat(CoordinatorScene.refusal(() -> scene.run(spec))).as(spec.toString().substring(0, Math.min(200, spec.toString().length()))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
    }
}
