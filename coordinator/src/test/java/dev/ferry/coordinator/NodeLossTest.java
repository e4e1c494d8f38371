package dev.ferry.coordinator;

import static dev.ferry.coordinator.CoordinatorScene.assertSucceeded;
import static dev.ferry.coordinator.CoordinatorScene.refusal;
import static dev.ferry.coordinator.CoordinatorScene.silence;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.ConfirmGoneRequest;
import dev.ferry.proto.v1.Command.ActionCase;
import dev.ferry.proto.v1.DeclareNodeDeadRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetNodeRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Life;
import dev.ferry.proto.v1.ListOperationsRequest;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.OnPartition;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.ProofKind;
import dev.ferry.proto.v1.RestoreJobRequest;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of jobs whose node is not heard of any more, and what it takes to start them elsewhere. */
class NodeLossTest {
    @TempDir Path folder;
    private CoordinatorScene scene;
    private FakeNode one;
    private FakeNode two;

    @BeforeEach
    void open() throws Exception {
        scene = new CoordinatorScene(folder);
        one = scene.add(new FakeNode("node-1").keepLease(), "node-1");
        two = scene.add(new FakeNode("node-2").keepLease(), "node-2");
    }

    @AfterEach
    void close() {
        scene.close();
    }

    private Job saved(JobSpec.Builder spec) {
        Job job = scene.awaitState(scene.run(spec).getId(), JobState.RUNNING);
        assertThat(job.getNode()).isEqualTo("node-1");
        assertSucceeded(scene.awaitEnd(scene.stub().checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build())));
        return job;
    }

    private Operation restore(Job job) {
        return scene.stub().restoreJob(RestoreJobRequest.newBuilder().setJobOrImage(job.getId()).build());
    }

    private Node node() {
        return scene.stub().getNode(GetNodeRequest.newBuilder().setNode("node-1").build());
    }

    private void awaitLeaseOver() {
        await().atMost(CoordinatorScene.SOON).until(() -> node().hasProof());
        assertThat(node().getProof().getKind()).isEqualTo(ProofKind.PROOF_LEASE);
        assertThat(node().getLeaseLeftMillis()).isZero();
    }

    @Test
    void aJobOfALostNodeIsRestoredElsewhereWhenTheLeaseHasEnded() {
        Job job = saved(JobSpec.newBuilder());
        assertThat(node().getLeaseLeftMillis()).isPositive();
        one.disconnect();
        scene.awaitJob(job.getId(), now -> now.getState() == JobState.UNREACHABLE);
        assertThat(refusal(() -> restore(job))).isEqualTo(ErrorCode.NOT_PROVEN_STOPPED);
        Job moved = scene.awaitJob(job.getId(), now -> now.getState() == JobState.RUNNING && now.getIncarnation() == 2);
        assertThat(moved.getNode()).isEqualTo("node-2");
        assertThat(moved.getProof().getKind()).isEqualTo(ProofKind.PROOF_LEASE);
        assertThat(moved.getProof().getIncarnation()).isEqualTo(1);
        Operation restore = scene.stub().listOperations(ListOperationsRequest.newBuilder().setJob(job.getId()).build()).getOperations(0);
        assertThat(restore.getKind()).isEqualTo(OperationKind.RESTORE);
        assertThat(restore.getCause()).isEqualTo("loss of node node-1");
        assertThat(restore.getProof()).isEqualTo(moved.getProof());
        assertThat(two.standing()).isEmpty();
        // The stale copy comes back: it is named by no Welcome and is killed.
        one.connect(scene.grpcPort());
        await().atMost(CoordinatorScene.SOON).until(() -> !one.has(job.getId()));
        assertThat(one.standing()).isEmpty();
        assertThat(one.actions()).containsExactly(ActionCase.START, ActionCase.DUMP, ActionCase.KILL);
        assertThat(two.has(job.getId())).isTrue();
        assertThat(node().hasProof()).isFalse();
    }

    /** The store is away for a moment just then: nobody asked for the restore, so nobody would ask again. */
    @Test
    void aJobThatCouldNotBeRestoredWaitsInTheQueueForTheNextTry() {
        Job job = saved(JobSpec.newBuilder());
        two.fail(ActionCase.RESTORE, ErrorCode.STORE_UNREACHABLE);
        one.disconnect();
        Job waits = scene.awaitJob(job.getId(), now -> now.getState() == JobState.SUSPENDED && now.getOperation().isEmpty());
        assertThat(waits.getQueue().getComesBack()).isTrue();
        two.behave(ActionCase.RESTORE);
        Job back = scene.awaitState(job.getId(), JobState.RUNNING);
        assertThat(back.getNode()).isEqualTo("node-2");
        Operation resume = scene.stub().listOperations(ListOperationsRequest.newBuilder().setJob(job.getId()).build()).getOperations(0);
        assertThat(resume.getKind()).isEqualTo(OperationKind.RESUME);
        assertThat(resume.getCause()).isEqualTo("loss of node node-1");
        scene.awaitJob(job.getId(), now -> !now.getQueue().getComesBack());
    }

    /** A spot machine that vanishes without a notice: no evacuation was begun that would bring its jobs back. */
    @Test
    void aJobOfAMachineThatIsGoneByTheCloudsWordIsRestoredElsewhereAtOnce() {
        Job job = saved(JobSpec.newBuilder());
        one.disconnect();
        scene.stub().confirmNodeGone(ConfirmGoneRequest.newBuilder().setNode("node-1").setSource("aws").setEvidence("i-1 is terminated").build());
        Job back = scene.awaitJob(job.getId(), now -> now.getState() == JobState.RUNNING && now.getIncarnation() == 2);
        assertThat(back.getNode()).isEqualTo("node-2");
        assertThat(back.getProof().getKind()).isEqualTo(ProofKind.PROOF_CLOUD);
    }

    @Test
    void aJobThatAskedForAMachineThatIsGoneForGoodIsRestoredElsewhere() {
        Job job = saved(JobSpec.newBuilder().setNode("node-1"));
        one.disconnect();
        scene.stub().confirmNodeGone(ConfirmGoneRequest.newBuilder().setNode("node-1").setSource("aws").setEvidence("i-1 is terminated").build());
        Job back = scene.awaitJob(job.getId(), now -> now.getState() == JobState.RUNNING && now.getIncarnation() == 2);
        assertThat(back.getNode()).isEqualTo("node-2");
    }

    @Test
    void aJobWithoutAnImageGoesOnWhenItsNodeIsBack() {
        Job job = scene.running();
        one.disconnect();
        awaitLeaseOver();
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.UNREACHABLE);
        assertThat(refusal(() -> restore(job))).isEqualTo(ErrorCode.NO_IMAGE);
        one.connect(scene.grpcPort());
        scene.awaitState(job.getId(), JobState.RUNNING);
        assertThat(one.standing()).containsExactly(Life.newBuilder().setJob(job.getId()).setIncarnation(1).build());
        assertThat(one.has(job.getId())).isTrue();
    }

    @Test
    void theLeasesEndProvesNothingOfAJobThatGoesOn() {
        Job job = saved(JobSpec.newBuilder().setOnPartition(OnPartition.CONTINUE_ON_PARTITION));
        one.disconnect();
        awaitLeaseOver();
        assertThat(refusal(() -> restore(job))).isEqualTo(ErrorCode.NOT_PROVEN_STOPPED);
        Node dead = scene.stub().declareNodeDead(DeclareNodeDeadRequest.newBuilder().setNode("node-1").setChecked(true).build());
        assertThat(dead.getProof().getKind()).isEqualTo(ProofKind.PROOF_OPERATOR);
        Operation ended = scene.awaitEnd(restore(job));
        assertSucceeded(ended);
        assertThat(ended.getProof().getKind()).isEqualTo(ProofKind.PROOF_OPERATOR);
        assertThat(ended.getProof().getIncarnation()).isEqualTo(1);
        assertThat(scene.job(job.getId()).getNode()).isEqualTo("node-2");
    }

    /** After the commit the image is the job; the lease's end is as good as the receipt of the kill. */
    @Test
    void aMoveWhoseSourceIsLostAfterTheCommitGoesOn() {
        Job job = scene.running();
        one.answer(ActionCase.KILL, silence());
        Operation move = scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build());
        scene.awaitStep(move, "KILL");
        one.disconnect();
        Operation ended = scene.awaitEnd(move);
        assertSucceeded(ended);
        assertThat(ended.getProof().getKind()).isEqualTo(ProofKind.PROOF_LEASE);
        assertThat(two.has(job.getId())).isTrue();
        one.behave(ActionCase.KILL);
        one.connect(scene.grpcPort());
        await().atMost(CoordinatorScene.SOON).until(() -> !one.has(job.getId()));
    }

    @Test
    void theReceiptOfAKillIsTheProofOfAMove() {
        Job job = scene.running();
        Operation ended = scene.awaitEnd(scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build()));
        assertThat(ended.getProof().getKind()).isEqualTo(ProofKind.PROOF_RECEIPT);
        assertThat(ended.getProof().getNode()).isEqualTo("node-1");
        assertThat(scene.job(job.getId()).getProof()).isEqualTo(ended.getProof());
    }

    /** Another node is taken when the target is lost in the middle of the restore. */
    @Test
    void aMoveWhoseTargetIsLostFallsBack() {
        Job job = scene.running();
        two.answer(ActionCase.RESTORE, silence());
        Operation move = scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build());
        scene.awaitStep(move, "RESTORE");
        two.disconnect();
        Operation ended = scene.awaitEnd(move);
        assertSucceeded(ended);
        assertThat(CoordinatorScene.names(ended)).endsWith("RESTORE", "FALL_BACK", "RESTORE");
        assertThat(one.has(job.getId())).isTrue();
        assertThat(scene.job(job.getId()).getIncarnation()).isEqualTo(3);
    }
}
