package dev.ferry.coordinator;

import static dev.ferry.coordinator.CoordinatorScene.assertFailed;
import static dev.ferry.coordinator.CoordinatorScene.assertSucceeded;
import static dev.ferry.coordinator.CoordinatorScene.names;
import static dev.ferry.coordinator.CoordinatorScene.refusal;
import static dev.ferry.coordinator.CoordinatorScene.silence;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.proto.v1.CancelJobRequest;
import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.Command.ActionCase;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.DeclareNodeDeadRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import dev.ferry.proto.v1.GetImageRequest;
import dev.ferry.proto.v1.GetNodeRequest;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListImagesRequest;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.RestoreJobRequest;
import dev.ferry.proto.v1.ResumeJobRequest;
import dev.ferry.proto.v1.RunJobRequest;
import dev.ferry.proto.v1.SuspendJobRequest;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What becomes of an operation when its steps fail, its coordinator ends, or its node is silent. */
class OperationsTest {
    @TempDir Path folder;
    private CoordinatorScene scene;
    private FakeNode one;
    private FakeNode two;

    @BeforeEach
    void open() throws Exception {
        scene = new CoordinatorScene(folder);
        one = scene.add("node-1");
        two = scene.add("node-2");
    }

    @AfterEach
    void close() {
        scene.close();
    }

    private Operation migrate(Job job) {
        return scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build());
    }

    private Operation suspend(Job job) {
        return scene.stub().suspendJob(SuspendJobRequest.newBuilder().setJob(job.getId()).build());
    }

    @Test
    void aMigrationKillsOnlyAfterTheImageIsWhole() {
        Job job = scene.running();
        Operation ended = scene.awaitEnd(migrate(job));
        assertSucceeded(ended);
        assertThat(names(ended)).containsExactly("RESERVE", "CHECK", "DUMP", "COMMIT", "KILL", "RESTORE");
        assertThat(one.actions()).containsExactly(ActionCase.START, ActionCase.DUMP, ActionCase.KILL);
        assertThat(two.actions()).containsExactly(ActionCase.CHECK, ActionCase.RESTORE);
        Job moved = scene.job(job.getId());
        assertThat(moved.getNode()).isEqualTo("node-2");
        assertThat(moved.getIncarnation()).isEqualTo(2);
        assertThat(moved.getLatestImage()).isEqualTo(job.getId() + ".1");
        assertThat(moved.getState()).isEqualTo(JobState.RUNNING);
    }

    @Test
    void afterAFailedDumpTheJobGoesOnWhereItWas() {
        Job job = scene.running();
        one.fail(ActionCase.DUMP, ErrorCode.DUMP_IO_URING);
        Operation ended = scene.awaitEnd(migrate(job));
        assertFailed(ended, ErrorCode.DUMP_IO_URING);
        assertThat(names(ended)).endsWith("DUMP", "THAW");
        Job stayed = scene.job(job.getId());
        assertThat(stayed.getNode()).isEqualTo("node-1");
        assertThat(stayed.getState()).isEqualTo(JobState.RUNNING);
        assertThat(stayed.getLatestImage()).isEmpty();
        assertThat(one.actions()).doesNotContain(ActionCase.KILL);
        assertThat(two.actions()).doesNotContain(ActionCase.RESTORE);
    }

    /** As a new machine of the same name does, which is there before anybody has missed the old one. */
    @Test
    void aNodeThatCameBackWithoutTheJobIsWhatEndsTheOperation() {
        Job job = scene.running();
        one.forget(job.getId());
        one.fail(ActionCase.DUMP, ErrorCode.JOB_NOT_FOUND);
        Operation ended = scene.awaitEnd(migrate(job));
        assertFailed(ended, ErrorCode.NODE_DOWN);
        assertThat(ended.getError().getMessage()).contains("node-1", job.getId());
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.LOST);
    }

    @Test
    void aTargetThatLacksSomethingIsKnownBeforeAnythingIsStopped() {
        Job job = scene.running();
        two.fail(ActionCase.CHECK, ErrorCode.MOUNT_REFUSED);
        assertFailed(scene.awaitEnd(migrate(job)), ErrorCode.MOUNT_REFUSED);
        assertThat(one.actions()).containsExactly(ActionCase.START);
        FakeNode three = scene.add("node-3");
        assertSucceeded(scene.awaitEnd(migrate(job)));
        assertThat(three.has(job.getId())).isTrue();
    }

    @Test
    void aJobThatAskedForItsNodeIsNotTriedThereAgainAndAgain() {
        Job job = scene.awaitState(scene.run(JobSpec.newBuilder().setNode("node-1")).getId(), JobState.RUNNING);
        assertSucceeded(scene.awaitEnd(suspend(job)));
        one.fail(ActionCase.CHECK, ErrorCode.MOUNT_REFUSED);
        Operation ended = scene.awaitEnd(scene.stub().resumeJob(ResumeJobRequest.newBuilder().setJob(job.getId()).build()));
        assertFailed(ended, ErrorCode.MOUNT_REFUSED);
        assertThat(names(ended)).containsExactly("RESERVE", "CHECK", "RESERVE");
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.SUSPENDED);
        one.behave(ActionCase.CHECK);
        assertSucceeded(scene.awaitEnd(scene.stub().resumeJob(ResumeJobRequest.newBuilder().setJob(job.getId()).build())));
    }

    /** A node that somebody has taken over says that it has made the image of a job that it never had. */
    @Test
    void anImageThatWasNotOrderedIsNotTaken() {
        Job victim = scene.awaitState(scene.run(JobSpec.newBuilder().setNode("node-2")).getId(), JobState.RUNNING);
        assertSucceeded(scene.awaitEnd(scene.stub().checkpointJob(CheckpointJobRequest.newBuilder().setJob(victim.getId()).build())));
        Image before = scene.stub().listImages(ListImagesRequest.getDefaultInstance()).getImages(0);
        assertThat(before.getId()).isEqualTo(victim.getId() + ".1");
        Job job = scene.awaitState(scene.run(JobSpec.newBuilder().setNode("node-1")).getId(), JobState.RUNNING);
        for (Image other : List.of(before.toBuilder().setNode("node-1").build(), before.toBuilder().setId(job.getId() + ".2").setSequence(2).build(), Image.getDefaultInstance())) {
            one.answer(ActionCase.DUMP, command -> Optional.of(CommandResult.newBuilder().setImage(other).setJob(FakeNode.report(command, LocalState.LOCAL_FROZEN)).build()));
            Operation ended = scene.awaitEnd(suspend(job));
            assertFailed(ended, ErrorCode.INTERNAL);
            assertThat(names(ended)).containsExactly("DUMP", "THAW");
            assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.RUNNING);
        }
        assertThat(one.actions()).doesNotContain(ActionCase.KILL);
        assertThat(scene.stub().listImages(ListImagesRequest.getDefaultInstance()).getImagesList()).containsExactly(before);
    }

    /** Something went wrong after it, and the daemon's answer says both: what runs must not get a second life. */
    @Test
    void aRestoreThatIsSaidToHaveFailedThoughItsJobRunsGetsNoSecondLife() {
        Job job = scene.running();
        two.answer(
                ActionCase.RESTORE,
                command ->
                        Optional.of(
                                CommandResult.newBuilder()
                                        .setError(ErrorDetail.newBuilder().setCode(ErrorCode.RESTORE_FAILED).setMessage("interrupted"))
                                        .setJob(JobReport.newBuilder().setJob(command.getJob()).setIncarnation(command.getIncarnation()).setState(LocalState.LOCAL_RUNNING))
                                        .build()));
        Operation ended = scene.awaitEnd(migrate(job));
        assertSucceeded(ended);
        assertThat(names(ended)).endsWith("KILL", "RESTORE");
        Job there = scene.job(job.getId());
        assertThat(there.getNode()).isEqualTo("node-2");
        assertThat(there.getIncarnation()).isEqualTo(2);
    }

    @Test
    void aRestoreThatFailsFallsBackInANewLife() {
        Job job = scene.running();
        two.fail(ActionCase.RESTORE, ErrorCode.RESTORE_FAILED);
        Operation ended = scene.awaitEnd(migrate(job));
        assertSucceeded(ended);
        assertThat(names(ended)).endsWith("RESTORE", "FALL_BACK", "RESTORE");
        Job back = scene.job(job.getId());
        assertThat(back.getNode()).isEqualTo("node-1");
        assertThat(back.getIncarnation()).isEqualTo(3);
    }

    @Test
    void aCorruptImageIsNotTriedOnOtherNodes() {
        Job job = scene.running();
        assertSucceeded(scene.awaitEnd(suspend(job)));
        one.fail(ActionCase.RESTORE, ErrorCode.CHUNK_CORRUPT);
        two.fail(ActionCase.RESTORE, ErrorCode.CHUNK_CORRUPT);
        assertFailed(scene.awaitEnd(scene.stub().resumeJob(ResumeJobRequest.newBuilder().setJob(job.getId()).build())), ErrorCode.CHUNK_CORRUPT);
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.SUSPENDED);
        assertThat(Stream.concat(one.actions().stream(), two.actions().stream()).filter(ActionCase.RESTORE::equals)).hasSize(1);
    }

    @ParameterizedTest
    @EnumSource(value = ActionCase.class, names = {"CHECK", "DUMP", "KILL", "RESTORE"})
    void aMigrationGoesOnAfterTheCoordinatorWasStoppedInAStep(ActionCase step) throws Exception {
        Job job = scene.running();
        FakeNode doing = step == ActionCase.DUMP || step == ActionCase.KILL ? one : two;
        doing.answer(step, silence());
        Operation begun = migrate(job);
        await().atMost(CoordinatorScene.SOON).until(() -> doing.actions().contains(step));
        scene.stop();
        doing.behave(step);
        scene.start();
        Operation ended = scene.awaitEnd(begun);
        assertSucceeded(ended);
        assertThat(names(ended)).containsExactly("RESERVE", "CHECK", "DUMP", "COMMIT", "KILL", "RESTORE");
        assertThat(scene.job(job.getId()).getIncarnation()).isEqualTo(2);
        assertThat(doing.commands().stream().filter(command -> command.getActionCase() == step).map(command -> command.getId()).distinct()).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"DUMP", "RESTORE"})
    void aResultThatCameWhileTheCoordinatorWasAwayIsTaken(String step) throws Exception {
        Job job = scene.running();
        FakeNode doing = step.equals("DUMP") ? one : two;
        ActionCase action = ActionCase.valueOf(step);
        // The daemon does it, and its answer is lost with the coordinator.
        doing.answer(
                action,
                command -> {
                    scene.stop();
                    doing.behave(action);
                    return Optional.empty();
                });
        Operation begun = migrate(job);
        await().atMost(CoordinatorScene.SOON).until(() -> doing.actions().contains(action));
        await().atMost(CoordinatorScene.SOON).ignoreExceptions().until(() -> {
            scene.start();
            return true;
        });
        assertSucceeded(scene.awaitEnd(begun));
        assertThat(scene.job(job.getId()).getNode()).isEqualTo("node-2");
    }

    @Test
    void aNodeThatComesBackWithAnOldLifeIsToldToKillIt() throws Exception {
        Job job = scene.running();
        assertSucceeded(scene.awaitEnd(scene.stub().checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build())));
        one.disconnect();
        Job lost = scene.awaitState(job.getId(), JobState.UNREACHABLE);
        assertThat(refusal(() -> restore(lost))).isEqualTo(ErrorCode.NOT_PROVEN_STOPPED);
        assertThat(scene.stub().declareNodeDead(DeclareNodeDeadRequest.newBuilder().setNode("node-1").setChecked(true).build()).getState()).isEqualTo(NodeState.DEAD);
        assertSucceeded(scene.awaitEnd(restore(lost)));
        assertThat(scene.job(job.getId()).getNode()).isEqualTo("node-2");
        one.connect(scene.grpcPort());
        await().atMost(CoordinatorScene.SOON).until(() -> !one.has(job.getId()));
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.RUNNING);
        assertThat(two.has(job.getId())).isTrue();
    }

    private Operation restore(Job job) {
        return scene.stub().restoreJob(RestoreJobRequest.newBuilder().setJobOrImage(job.getId()).build());
    }

    @Test
    void aNodeThatIsOnlyAwayGetsItsJobsBack() {
        Job job = scene.running();
        one.disconnect();
        Job away = scene.awaitState(job.getId(), JobState.UNREACHABLE);
        assertThat(away.getReason()).contains("node-1");
        one.connect(scene.grpcPort());
        scene.awaitState(job.getId(), JobState.RUNNING);
        assertThat(one.actions()).containsExactly(ActionCase.START);
    }

    @Test
    void aJobThatItsNodeHasForgottenIsLostAndSaysSo() {
        Job job = scene.running();
        one.disconnect();
        one.forget(job.getId());
        one.connect(scene.grpcPort());
        assertThat(scene.awaitState(job.getId(), JobState.LOST).getReason()).contains("node-1");
    }

    @Test
    void aJobThatEndedIsKnownWithItsStatus() {
        Job job = scene.running();
        one.report(
                JobReport.newBuilder().setJob(job.getId()).setIncarnation(1).setState(LocalState.LOCAL_EXITED).setExitStatus(3).build());
        assertThat(scene.awaitState(job.getId(), JobState.EXITED).getExitStatus()).isEqualTo(3);
    }

    @Test
    void oneOperationAtATime() {
        Job job = scene.running();
        one.answer(ActionCase.DUMP, silence());
        Operation begun = migrate(job);
        assertThat(refusal(() -> suspend(job))).isEqualTo(ErrorCode.OPERATION_IN_PROGRESS);
        assertThat(scene.awaitStep(begun, "DUMP").getJob()).isEqualTo(job.getId());
    }

    @Test
    void aJobWaitsForRoomAndGetsItWhenThereIsSome() {
        Job first = scene.run(JobSpec.newBuilder().setCpuMillis(3000).setNode("node-1"));
        Job second = scene.run(JobSpec.newBuilder().setCpuMillis(3000).setNode("node-2"));
        scene.awaitState(first.getId(), JobState.RUNNING);
        scene.awaitState(second.getId(), JobState.RUNNING);
        Job third = scene.run(JobSpec.newBuilder().setCpuMillis(3000));
        scene.awaitJob(third.getId(), job -> job.getReason().contains("node-1") && job.getReason().contains("node-2"));
        assertThat(scene.job(third.getId()).getState()).isEqualTo(JobState.PENDING);
        assertSucceeded(scene.awaitEnd(scene.stub().cancelJob(CancelJobRequest.newBuilder().setJob(first.getId()).build())));
        assertThat(scene.awaitState(third.getId(), JobState.RUNNING).getNode()).isEqualTo("node-1");
    }

    @Test
    void aJobThatWaitsCanBeCancelled() {
        Job job = scene.run(JobSpec.newBuilder().setCpuMillis(3000));
        scene.awaitState(job.getId(), JobState.RUNNING);
        Job other = scene.run(JobSpec.newBuilder().setCpuMillis(3000));
        scene.awaitState(other.getId(), JobState.RUNNING);
        Job waiting = scene.run(JobSpec.newBuilder().setCpuMillis(3000));
        scene.awaitJob(waiting.getId(), now -> !now.getReason().isEmpty());
        assertSucceeded(scene.awaitEnd(scene.stub().cancelJob(CancelJobRequest.newBuilder().setJob(waiting.getId()).build())));
        assertThat(scene.job(waiting.getId()).getState()).isEqualTo(JobState.CANCELLED_JOB);
    }

    @Test
    void whatNeverFitsIsSaidAtOnce() {
        assertThat(refusal(() -> scene.run(JobSpec.newBuilder().setCpuMillis(64_000)))).isEqualTo(ErrorCode.NEVER_FITS);
    }

    @Test
    void drainingMovesJobsAwayAndUndrainingOpensTheNode() {
        Job job = scene.running();
        var drained = scene.stub().drainNode(GetNodeRequest.newBuilder().setNode("node-1").build());
        assertThat(drained.getOperationsList()).hasSize(1);
        assertSucceeded(scene.awaitEnd(drained.getOperations(0)));
        assertThat(scene.job(job.getId()).getNode()).isEqualTo("node-2");
        assertFailed(scene.awaitEnd(migrateTo(job, "node-1")), ErrorCode.NODE_DRAINING);
        assertThat(scene.stub().undrainNode(GetNodeRequest.newBuilder().setNode("node-1").build()).getState()).isEqualTo(NodeState.READY);
        assertSucceeded(scene.awaitEnd(migrateTo(job, "node-1")));
    }

    /** Its owner did not ask for the move, and need not know of it. */
    @Test
    void aJobThatADrainCouldOnlyStoreComesBackByItself() {
        Job job = scene.running();
        two.fail(ActionCase.RESTORE, ErrorCode.STORE_UNREACHABLE);
        Operation move = scene.stub().drainNode(GetNodeRequest.newBuilder().setNode("node-1").build()).getOperations(0);
        assertFailed(scene.awaitEnd(move), ErrorCode.STORE_UNREACHABLE);
        two.behave(ActionCase.RESTORE);
        assertThat(scene.awaitState(job.getId(), JobState.RUNNING).getNode()).isEqualTo("node-2");
    }

    private Operation migrateTo(Job job, String node) {
        return scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).setTo(node).build());
    }

    @Test
    void aNodeThatCantGiveWhatTheImageNeedsIsRefusedBeforeAnythingIsStopped() {
        Job job = scene.running();
        NodeFacts old = NodeFacts.newBuilder().setArchitecture("amd64").setKernel("5.4").setCriuVersion("4.2.1").build();
        FakeNode three = scene.add(new FakeNode("node-3", old, 4, 8L << 30), "node-3");
        Operation failed = scene.awaitEnd(migrateTo(job, "node-3"));
        assertFailed(failed, ErrorCode.NODE_INCOMPATIBLE);
        assertThat(failed.getError().getMessage()).contains("5.4", "6.18");
        assertThat(one.actions()).containsExactly(ActionCase.START);
        assertThat(three.actions()).isEmpty();
    }

    @Test
    void unknownThingsAreNamed() {
        Job job = scene.running();
        assertThat(refusal(() -> migrate(Job.newBuilder().setId("j-none").build()))).isEqualTo(ErrorCode.JOB_NOT_FOUND);
        assertThat(refusal(() -> migrateTo(job, "node-9"))).isEqualTo(ErrorCode.NODE_NOT_FOUND);
        assertThat(refusal(() -> scene.operation("op-none"))).isEqualTo(ErrorCode.OPERATION_NOT_FOUND);
        assertThat(refusal(() -> scene.stub().getImage(GetImageRequest.newBuilder().setImage(job.getId() + ".9").build()))).isEqualTo(ErrorCode.IMAGE_NOT_FOUND);
        assertThat(refusal(() -> restore(job))).isEqualTo(ErrorCode.WRONG_STATE);
        assertThat(refusal(() -> scene.stub().runJob(RunJobRequest.getDefaultInstance()))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
    }
}
