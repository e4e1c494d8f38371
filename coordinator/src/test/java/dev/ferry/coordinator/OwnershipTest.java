package dev.ferry.coordinator;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import dev.ferry.coordinator.access.Thing;
import dev.ferry.coordinator.access.VerbRule;
import dev.ferry.coordinator.access.VerbRules;
import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.GetImageRequest;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListImagesRequest;
import dev.ferry.proto.v1.ListJobsRequest;
import dev.ferry.proto.v1.ListNodesRequest;
import dev.ferry.proto.v1.ListOperationsRequest;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.RevokeTokenRequest;
import dev.ferry.proto.v1.Role;
import dev.ferry.proto.v1.RunJobRequest;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What belongs to another is not there, by whatever call and name it is asked for. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class OwnershipTest {
    @TempDir static Path folder;
    private CoordinatorScene scene;
    private FerryGrpc.FerryBlockingStub ada;
    private String bobsToken;
    private FerryGrpc.FerryBlockingStub bob;
    private Job job;
    private Operation operation;
    private String image;

    @BeforeAll
    void open() throws Exception {
        scene = new CoordinatorScene(folder);
        scene.add("node-1");
        ada = scene.stub(scene.token(Role.ROLE_USER, "ada")).withDeadlineAfter(5, TimeUnit.MINUTES);
        bobsToken = scene.token(Role.ROLE_USER, "bob");
        bob = scene.stub(bobsToken).withDeadlineAfter(5, TimeUnit.MINUTES);
        job = run(ada);
        operation = scene.awaitEnd(ada.checkpointJob(CheckpointJobRequest.newBuilder().setJob("train").build()));
        image = scene.job(job.getId()).getLatestImage();
        assertThat(image).isNotEmpty();
    }

    @AfterAll
    void close() {
        scene.close();
    }

    private Job run(FerryGrpc.FerryBlockingStub as) {
        JobSpec spec = JobSpec.newBuilder().setName("train").addCommand("/bin/true").putEnvironment("KEY", "secret").build();
        Job begun = as.runJob(RunJobRequest.newBuilder().setSpec(spec).build());
        return scene.awaitState(begun.getId(), JobState.RUNNING);
    }

    @Test
    void onlyAnOperatorPutsAJobBeforeOthersByItsNiceValue() {
        JobSpec first = JobSpec.newBuilder().addCommand("/bin/true").setNice(-1).build();
        assertThat(CoordinatorScene.refusal(() -> ada.runJob(RunJobRequest.newBuilder().setSpec(first).build()))).isEqualTo(ErrorCode.FORBIDDEN);
        Job taken = scene.stub().runJob(RunJobRequest.newBuilder().setSpec(first).build());
        assertThat(taken.getId()).isNotEmpty();
        JobSpec beyond = first.toBuilder().setNice(-3_000_000_000L).build();
        assertThat(CoordinatorScene.refusal(() -> scene.stub().runJob(RunJobRequest.newBuilder().setSpec(beyond).build()))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
    }

    static Stream<VerbRule> rulesAboutThings() {
        // Who may not call it at all is told so, whatever it is about: VerbRulesTest.
        return VerbRules.all().stream().filter(rule -> rule.thing() != Thing.NONE && (rule.least() == Role.ROLE_VIEWER || rule.least() == Role.ROLE_USER));
    }

    private List<String> names(Thing thing) {
        return switch (thing) {
            case NONE -> List.of();
            case JOB -> List.of(job.getId(), job.getId().substring(0, 6), "train");
            case IMAGE -> List.of(image);
            case OPERATION -> List.of(operation.getId(), operation.getId().substring(0, 7));
            case JOB_OR_IMAGE -> List.of(image, job.getId(), "train");
        };
    }

    private static ErrorCode notFound(Thing thing) {
        return switch (thing) {
            case NONE, JOB, JOB_OR_IMAGE -> ErrorCode.JOB_NOT_FOUND;
            case IMAGE -> ErrorCode.IMAGE_NOT_FOUND;
            case OPERATION -> ErrorCode.OPERATION_NOT_FOUND;
        };
    }

    @ParameterizedTest
    @MethodSource("rulesAboutThings")
    void whatIsAnothersIsNotThere(VerbRule rule) {
        MethodDescriptor<Message, Message> method = AnyCall.method(rule.rpc());
        Message empty = AnyCall.request(method);
        FieldDescriptor field = empty.getDescriptorForType().findFieldByName(rule.field());
        String stranger = scene.token(Role.ROLE_USER, "stranger");
        String strangersViewer = scene.token(Role.ROLE_VIEWER, "stranger");
        for (String name : names(rule.thing())) {
            Message request = empty.toBuilder().setField(field, name).build();
            assertThat(AnyCall.call(scene.channel(), Optional.of(stranger), method, request)).as("%s %s", rule.rpc(), name).hasValue(notFound(rule.thing()));
            if (rule.least() == Role.ROLE_VIEWER) {
                assertThat(AnyCall.call(scene.channel(), Optional.of(strangersViewer), method, request)).as("%s %s", rule.rpc(), name).hasValue(notFound(rule.thing()));
            }
        }
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.RUNNING);
    }

    @Test
    void eachSeesInListsOnlyHisOwnAndMayUseTheSameName() {
        Job bobs = run(bob);
        assertThat(bobs.getQueue().getUser()).isEqualTo("bob");
        assertThat(bob.getJob(GetJobRequest.newBuilder().setJob("train").build()).getId()).isEqualTo(bobs.getId());
        assertThat(ada.getJob(GetJobRequest.newBuilder().setJob("train").build()).getId()).isEqualTo(job.getId());
        assertThat(bob.listJobs(ListJobsRequest.newBuilder().setAll(true).build()).getJobsList()).extracting(Job::getId).containsExactly(bobs.getId());
        assertThat(bob.listOperations(ListOperationsRequest.getDefaultInstance()).getOperationsList()).extracting(Operation::getJob).containsOnly(bobs.getId());
        assertThat(bob.listImages(ListImagesRequest.getDefaultInstance()).getImagesList()).isEmpty();
        assertThat(bob.listNodes(ListNodesRequest.getDefaultInstance()).getNodesList()).flatExtracting(Node::getJobsList).containsExactly(bobs.getId());
        assertThat(scene.stub().listJobs(ListJobsRequest.getDefaultInstance()).getJobsList()).extracting(Job::getId).contains(job.getId(), bobs.getId());
        assertThat(CoordinatorScene.refusal(() -> assertThat(scene.stub().getJob(GetJobRequest.newBuilder().setJob("train").build())).isNull())).isEqualTo(ErrorCode.AMBIGUOUS_NAME);
    }

    @Test
    void nobodySubmitsInAnothersNameButAnOperator() {
        JobSpec.Builder asAda = JobSpec.newBuilder().addCommand("/bin/true").setUserName("ada");
        assertThat(CoordinatorScene.refusal(() -> assertThat(bob.runJob(RunJobRequest.newBuilder().setSpec(asAda).build())).isNull())).isEqualTo(ErrorCode.FORBIDDEN);
        Job forCleo = scene.stub(scene.token(Role.ROLE_OPERATOR, "olga")).runJob(RunJobRequest.newBuilder().setSpec(asAda.setUserName("cleo")).build());
        assertThat(forCleo.getQueue().getUser()).isEqualTo("cleo");
        assertThat(scene.stub(scene.token(Role.ROLE_USER, "cleo")).getJob(GetJobRequest.newBuilder().setJob(forCleo.getId()).build()).getId()).isEqualTo(forCleo.getId());
    }

    @Test
    void aViewerSeesNoSecretsOfJobs() {
        FerryGrpc.FerryBlockingStub viewer = scene.stub(scene.token(Role.ROLE_VIEWER, ""));
        assertThat(viewer.getJob(GetJobRequest.newBuilder().setJob(job.getId()).build()).getSpec().getEnvironmentMap()).containsExactly(java.util.Map.entry("KEY", "***"));
        assertThat(viewer.listJobs(ListJobsRequest.getDefaultInstance()).toString()).contains(job.getId()).doesNotContain("secret");
        assertThat(ada.getJob(GetJobRequest.newBuilder().setJob(job.getId()).build()).getSpec().getEnvironmentMap()).containsEntry("KEY", "secret");
        assertThat(CoordinatorScene.refusal(() -> assertThat(viewer.verifyImage(GetImageRequest.newBuilder().setImage(image).build())).isNull())).isEqualTo(ErrorCode.FORBIDDEN);
    }

    @Test
    void aStreamEndsSoonAfterItsTokenIsRevoked() {
        String token = scene.token(Role.ROLE_USER, "ada");
        Iterator<Job> changes = scene.stub(token).withDeadlineAfter(1, TimeUnit.MINUTES).watchJob(GetJobRequest.newBuilder().setJob(job.getId()).build());
        assertThat(changes.next().getId()).isEqualTo(job.getId());
        assertThat(scene.access().revokeToken(RevokeTokenRequest.newBuilder().setId(token.substring(6, 16)).build()).getRevokedAt()).isPositive();
        ErrorCode end =
                CoordinatorScene.refusal(
                        () -> {
                            boolean open = true;
                            while (open) {
                                Operation again = scene.awaitEnd(ada.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
                                assertThat(again.getId()).isNotEmpty();
                                open = changes.hasNext();
                                assertThat(changes.next().getId()).isEqualTo(job.getId());
                            }
                        });
        assertThat(end).isEqualTo(ErrorCode.UNAUTHENTICATED);
    }

    @Test
    void aRequestThatIsTooLargeIsRefused() {
        JobSpec.Builder huge = JobSpec.newBuilder().addCommand("x".repeat(5 << 20));
        assertThat(CoordinatorScene.refusal(() -> assertThat(bob.runJob(RunJobRequest.newBuilder().setSpec(huge).build())).isNull())).isEqualTo(ErrorCode.INVALID_ARGUMENT);
    }

    @Test
    void errorsAreThoseOfTheCallAndNotOfTheGate() {
        assertThat(CoordinatorScene.refusal(() -> assertThat(bob.getJob(GetJobRequest.getDefaultInstance())).isNull())).isEqualTo(ErrorCode.INVALID_ARGUMENT);
        try {
            Job none = scene.stub("nonsense").getJob(GetJobRequest.newBuilder().setJob(job.getId()).build());
            throw new AssertionError(none.toString());
        } catch (StatusRuntimeException refused) {
            assertThat(refused.getStatus().getDescription()).doesNotContain(job.getId());
        }
    }
}
