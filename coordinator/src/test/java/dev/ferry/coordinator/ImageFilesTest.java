package dev.ferry.coordinator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import dev.ferry.coordinator.api.ErrorTransport;
import dev.ferry.proto.v1.AuditEntry;
import dev.ferry.proto.v1.CancelJobRequest;
import dev.ferry.proto.v1.CreateTokenRequest;
import dev.ferry.proto.v1.CreateTokenResponse;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.GetImageRequest;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.ImagePiece;
import dev.ferry.proto.v1.ImportImageRequest;
import dev.ferry.proto.v1.ImportImageResponse;
import dev.ferry.proto.v1.ImportTerms;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListImagesRequest;
import dev.ferry.proto.v1.ListJobsRequest;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.ReadAuditRequest;
import dev.ferry.proto.v1.Requirements;
import dev.ferry.proto.v1.ResumeJobRequest;
import dev.ferry.proto.v1.RevokeTokenRequest;
import dev.ferry.proto.v1.Role;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.object.FolderStore;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.BlockingClientCall;
import io.grpc.stub.MetadataUtils;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Images go out and come in as files, by whoever may, and what comes in touches nothing that is there. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ImageFilesTest {
    private static final int PIECE = 100_000;
    private static final int WINDOW = Images.WINDOW_BYTES;

    @TempDir static Path folder;
    private CoordinatorScene scene;
    private Images there;
    private byte[] file = {};

    /** A file from a store that the coordinator does not know. */
    @BeforeAll
    void open() throws Exception {
        scene = new CoordinatorScene(folder);
        scene.add("node-1");
        there = new Images(new FolderStore(folder.resolve("elsewhere")));
        file = file("j-elsewher.7", 9 * WINDOW);
    }

    @AfterAll
    void close() {
        scene.close();
    }

    private byte[] file(String image, int bytes) throws Exception {
        return file(image, bytes, "train");
    }

    private byte[] file(String image, int bytes, String name) throws Exception {
        BufferPool buffers = new BufferPool(4, WINDOW);
        try (ImageWriter writer = there.write(image, Optional.empty(), buffers)) {
            byte[] noise = new byte[WINDOW];
            Random random = new Random(5);
            try (ByteSink sink = writer.file("pages-1.img")) {
                for (int at = 0; at < bytes; at += WINDOW) {
                    random.nextBytes(noise);
                    sink.write(buffers.take().put(noise).flip());
                }
            }
            writer.spec(JobSpec.newBuilder().setName(name).addCommand("/bin/true").setNode("node-of-there").setAccount("of-there").setQos("of-there").setUserName("eve").build());
            Image ignored = writer.commit(Image.newBuilder().setJob("j-elsewher").setIncarnation(5).setSequence(7).setNode("node-of-there").setRequirements(Requirements.newBuilder().setArchitecture("amd64").setKernel("6.18").setCriuVersion("4.2.1")).build());
        }
        ByteArrayOutputStream to = new ByteArrayOutputStream();
        assertThat(there.exportFile(image, to)).isPositive();
        return to.toByteArray();
    }

    private ImportImageResponse take(String token, ImportTerms terms, byte[] content) throws InterruptedException {
        FerryGrpc.FerryBlockingV2Stub stub =
                FerryGrpc.newBlockingV2Stub(scene.channel()).withInterceptors(MetadataUtils.newAttachHeadersInterceptor(CoordinatorScene.headers(token))).withDeadlineAfter(20, TimeUnit.SECONDS);
        BlockingClientCall<ImportImageRequest, ImportImageResponse> call = stub.importImage();
        try {
            boolean open = call.write(ImportImageRequest.newBuilder().setTerms(terms).build());
            for (int at = 0; at < content.length && open; at += PIECE) {
                open = call.write(ImportImageRequest.newBuilder().setContent(ByteString.copyFrom(content, at, Math.min(PIECE, content.length - at))).build());
            }
            if (open) {
                call.halfClose();
            }
            return call.read();
        } catch (StatusException refused) {
            throw new StatusRuntimeException(refused.getStatus(), refused.getTrailers());
        }
    }

    private ErrorCode refusal(String token, ImportTerms terms, byte[] content) throws InterruptedException {
        try {
            throw new AssertionError(take(token, terms, content).toString());
        } catch (StatusRuntimeException refused) {
            return ErrorTransport.toError(refused, "the test").code();
        }
    }

    private static ImportTerms named(String name) {
        return ImportTerms.newBuilder().setName(name).build();
    }

    private byte[] export(String image, String token) {
        Iterator<ImagePiece> pieces = scene.stub(token).exportImage(GetImageRequest.newBuilder().setImage(image).build());
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        pieces.forEachRemaining(piece -> all.writeBytes(piece.getContent().toByteArray()));
        return all.toByteArray();
    }

    private List<AuditEntry> audit(String verb) {
        List<AuditEntry> entries = new ArrayList<>();
        scene.access().readAudit(ReadAuditRequest.getDefaultInstance()).forEachRemaining(entries::add);
        return entries.stream().filter(entry -> entry.getVerb().equals(verb)).toList();
    }

    /** A job without a name is named by its id, here by the id it has now. */
    @Test
    void ofAJobWithoutANameIsNamedAnew() throws Exception {
        Job job = take(scene.adminToken(), ImportTerms.getDefaultInstance(), file("j-elsewher.77", WINDOW, "j-elsewher")).getJob();
        assertThat(job.getSpec().getName()).isEqualTo(job.getId());
    }

    @Test
    void becomesASuspendedJobOfItsOwnThatCanBeResumed() throws Exception {
        ImportImageResponse first = take(scene.adminToken(), named("one"), file);
        ImportImageResponse second = take(scene.adminToken(), named("two"), file);
        Job job = first.getJob();
        assertThat(job.getId()).isNotIn("j-elsewher", second.getJob().getId());
        assertThat(job.getState()).isEqualTo(JobState.SUSPENDED);
        assertThat(job.getIncarnation()).isOne();
        assertThat(job.getNode()).isEmpty();
        assertThat(job.getSpec().getNode() + job.getSpec().getAccount() + job.getSpec().getQos() + job.getSpec().getUserName()).isEmpty();
        assertThat(job.getQueue().getUser()).isEqualTo("root");
        assertThat(first.getImage().getId()).isEqualTo(job.getId() + ".1").isEqualTo(job.getLatestImage());
        assertThat(scene.stub().verifyImage(GetImageRequest.newBuilder().setImage(first.getImage().getId()).build()).getDamageList()).isEmpty();
        Operation resumed = scene.awaitEnd(scene.stub().resumeJob(ResumeJobRequest.newBuilder().setJob(job.getId()).build()));
        CoordinatorScene.assertSucceeded(resumed);
        Job running = scene.awaitState(job.getId(), JobState.RUNNING);
        assertThat(running.getIncarnation()).isEqualTo(2);
        assertThat(running.getReason()).isEmpty();
        assertThat(scene.job(second.getJob().getId()).getState()).isEqualTo(JobState.SUSPENDED);
        CoordinatorScene.assertSucceeded(scene.awaitEnd(scene.stub().cancelJob(CancelJobRequest.newBuilder().setJob(second.getJob().getId()).build())));
        assertThat(audit("ImportImage")).extracting(AuditEntry::getTarget).contains(job.getId(), second.getJob().getId());
    }

    @Test
    void goesOutAsItCameInAndIsWrittenDownOnce() throws Exception {
        Image image = take(scene.adminToken(), ImportTerms.newBuilder().setName("adas").setUserName("ada").build(), file).getImage();
        String ada = scene.token(Role.ROLE_USER, "ada");
        byte[] out = export(image.getId(), ada);
        assertThat(out.length).as("several pieces").isGreaterThan(4 * WINDOW);
        assertThat(take(scene.adminToken(), named("again"), out).getImage().getBytes()).isEqualTo(9L * WINDOW);
        assertThat(audit("ExportImage")).extracting(AuditEntry::getTarget).containsOnlyOnce(image.getId());
        assertThat(CoordinatorScene.refusal(() -> assertThat(export(image.getId(), scene.token(Role.ROLE_USER, "bob"))).isNull())).isEqualTo(ErrorCode.IMAGE_NOT_FOUND);
    }

    @Test
    void onlyOperatorsTakeImagesIn() throws Exception {
        assertThat(refusal(scene.token(Role.ROLE_USER, "ada"), named("of-ada"), file)).isEqualTo(ErrorCode.FORBIDDEN);
        assertThat(take(scene.token(Role.ROLE_OPERATOR, "olga"), named("of-olga"), file).getJob().getQueue().getUser()).isEqualTo("olga");
    }

    @Test
    void whatIsRefusedLeavesNothing() throws Exception {
        int jobs = scene.stub().listJobs(ListJobsRequest.newBuilder().setAll(true).build()).getJobsCount();
        int images = scene.stub().listImages(ListImagesRequest.getDefaultInstance()).getImagesCount();
        byte[] damaged = file.clone();
        damaged[file.length / 2] ^= 1;
        assertThat(refusal(scene.adminToken(), named("x"), damaged)).isEqualTo(ErrorCode.IMAGE_FILE_CORRUPT);
        assertThat(refusal(scene.adminToken(), named("x"), Arrays.copyOf(file, file.length - 1))).isEqualTo(ErrorCode.IMAGE_FILE_CORRUPT);
        assertThat(refusal(scene.adminToken(), named("x"), new byte[0])).isEqualTo(ErrorCode.IMAGE_FILE_CORRUPT);
        assertThat(refusal(scene.adminToken(), named("not a name"), file)).isEqualTo(ErrorCode.INVALID_ARGUMENT);
        assertThat(refusal(scene.adminToken(), ImportTerms.newBuilder().setName("x").setAccount("none").build(), file)).isEqualTo(ErrorCode.ACCOUNT_NOT_FOUND);
        // imageFiles.largest of the scene is 64 MiB.
        assertThat(refusal(scene.adminToken(), named("x"), file("j-elsewher.8", 65 << 20))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
        Job taken = take(scene.adminToken(), named("taken"), file).getJob();
        assertThat(refusal(scene.adminToken(), named("taken"), file)).isEqualTo(ErrorCode.NAME_TAKEN);
        assertThat(scene.stub().listJobs(ListJobsRequest.newBuilder().setAll(true).build()).getJobsList()).hasSize(jobs + 1).extracting(Job::getId).contains(taken.getId());
        assertThat(scene.stub().listImages(ListImagesRequest.getDefaultInstance()).getImagesCount()).isEqualTo(images + 1);
    }

    /** A manifest that says that it is longer than the heap could bear is refused before it is read. */
    @Test
    void aManifestThatMemoryDoesNotBearIsRefused() throws Exception {
        byte[] tooLong = file.clone();
        ByteBuffer.wrap(tooLong).putLong(8, Runtime.getRuntime().maxMemory() / 8);
        assertThat(refusal(scene.adminToken(), named("long"), tooLong)).isEqualTo(ErrorCode.INVALID_ARGUMENT);
    }

    @Test
    void whoStopsSendingIsGivenUp() throws Exception {
        FerryGrpc.FerryBlockingV2Stub stub =
                FerryGrpc.newBlockingV2Stub(scene.channel())
                        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(CoordinatorScene.headers(scene.adminToken())))
                        .withDeadlineAfter(20, TimeUnit.SECONDS);
        BlockingClientCall<ImportImageRequest, ImportImageResponse> call = stub.importImage();
        assertThat(call.write(ImportImageRequest.newBuilder().setTerms(named("slow")).build())).isTrue();
        assertThat(call.write(ImportImageRequest.newBuilder().setContent(ByteString.copyFrom(file, 0, 100)).build())).isTrue();
        try {
            throw new AssertionError(String.valueOf(call.read()));
        } catch (StatusException refused) {
            assertThat(ErrorTransport.toError(new StatusRuntimeException(refused.getStatus(), refused.getTrailers()), "the test").code()).isEqualTo(ErrorCode.DEADLINE_EXCEEDED);
        }
    }

    /** Of the two turns that the scene has: whoever sends slowly keeps his for as long as he likes. */
    @Test
    void noUserHasAllTurns() throws Exception {
        String olga = scene.token(Role.ROLE_OPERATOR, "olga");
        List<BlockingClientCall<ImportImageRequest, ImportImageResponse>> slow = List.of(begin(olga, "slow-1"), begin(olga, "slow-2"));
        AtomicBoolean enough = new AtomicBoolean();
        Thread sender = Thread.ofPlatform().daemon().start(() -> trickle(slow, enough));
        try {
            Object refused = CompletableFuture.anyOf(slow.stream().map(call -> CompletableFuture.supplyAsync(() -> end(call))).toArray(CompletableFuture[]::new)).get(15, TimeUnit.SECONDS);
            assertThat(refused).as("the second of hers").isEqualTo(ErrorCode.DEADLINE_EXCEEDED);
            assertThat(take(scene.token(Role.ROLE_OPERATOR, "oscar"), named("of-oscar"), file).getJob().getQueue().getUser()).isEqualTo("oscar");
        } finally {
            enough.set(true);
            sender.join();
            slow.forEach(call -> call.cancel("enough", null));
        }
    }

    /** Whether he goes on sending, or has sent all but the end. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void whoIsPutOutMeanwhileTakesNothingIn(boolean sends) throws Exception {
        String name = "put-out-" + sends;
        CreateTokenResponse created = scene.access().createToken(CreateTokenRequest.newBuilder().setRole(Role.ROLE_OPERATOR).build());
        BlockingClientCall<ImportImageRequest, ImportImageResponse> call = begin(created.getSecret(), name);
        int most = sends ? file.length / 2 : file.length - 1;
        for (int at = 0; at < most; at += PIECE) {
            assertThat(call.write(ImportImageRequest.newBuilder().setContent(ByteString.copyFrom(file, at, Math.min(PIECE, most - at))).build())).isTrue();
        }
        var unused = scene.access().revokeToken(RevokeTokenRequest.newBuilder().setId(created.getToken().getId()).build());
        AtomicBoolean enough = new AtomicBoolean();
        Thread sender = Thread.ofPlatform().daemon().start(() -> {
            if (sends) {
                trickle(List.of(call), enough);
            }
        });
        if (!sends) {
            boolean ignored = call.write(ImportImageRequest.newBuilder().setContent(ByteString.copyFrom(file, most, 1)).build());
            call.halfClose();
        }
        assertThat(end(call)).isEqualTo(ErrorCode.UNAUTHENTICATED);
        enough.set(true);
        sender.join();
        assertThat(scene.stub().listJobs(ListJobsRequest.newBuilder().setAll(true).build()).getJobsList()).noneMatch(job -> job.getSpec().getName().equals(name));
    }

    private BlockingClientCall<ImportImageRequest, ImportImageResponse> begin(String token, String name) throws Exception {
        BlockingClientCall<ImportImageRequest, ImportImageResponse> call =
                FerryGrpc.newBlockingV2Stub(scene.channel()).withInterceptors(MetadataUtils.newAttachHeadersInterceptor(CoordinatorScene.headers(token))).withDeadlineAfter(60, TimeUnit.SECONDS).importImage();
        assertThat(call.write(ImportImageRequest.newBuilder().setTerms(named(name)).build())).isTrue();
        return call;
    }

    private static ErrorCode end(BlockingClientCall<ImportImageRequest, ImportImageResponse> call) {
        try {
            throw new AssertionError(String.valueOf(call.read()));
        } catch (StatusException refused) {
            return ErrorTransport.toError(new StatusRuntimeException(refused.getStatus(), refused.getTrailers()), "the test").code();
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    /** So much that nobody takes the sender for gone, and so little that the file never ends. */
    private void trickle(List<BlockingClientCall<ImportImageRequest, ImportImageResponse>> calls, AtomicBoolean enough) {
        for (int at = 0; !enough.get(); at++) {
            for (BlockingClientCall<ImportImageRequest, ImportImageResponse> call : calls) {
                try {
                    boolean ignored = call.write(ImportImageRequest.newBuilder().setContent(ByteString.copyFrom(file, at, 1)).build());
                } catch (StatusException | IllegalStateException refused) {
                    // One of them will be, and the other one goes on.
                } catch (InterruptedException interrupted) {
                    return;
                }
            }
            LockSupport.parkNanos(Duration.ofMillis(200).toNanos());
        }
    }

    @Test
    void whoGoesAwayFreesHisTurn() throws Exception {
        Image image = take(scene.adminToken(), named("left"), file("j-elsewher.9", 24 << 20)).getImage();
        // More than there are turns, each left after the first piece.
        for (int reader = 0; reader < 4; reader++) {
            io.grpc.Context.CancellableContext context = io.grpc.Context.current().withCancellation();
            context.run(() -> assertThat(scene.stub().exportImage(GetImageRequest.newBuilder().setImage(image.getId()).build()).next().getContent()).isNotEmpty());
            assertThat(context.cancel(null)).isTrue();
        }
        await().atMost(CoordinatorScene.SOON).untilAsserted(() -> assertThat(export(image.getId(), scene.adminToken()).length).isGreaterThan(24 << 20));
    }
}
