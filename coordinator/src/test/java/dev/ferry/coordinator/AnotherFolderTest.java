package dev.ferry.coordinator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.Command.ActionCase;
import dev.ferry.proto.v1.DeclareNodeDeadRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetNodeRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.RestoreJobRequest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A machine takes the name of a node whose jobs may still run on the machine that had it: what it does not know of is not proven to be dead. */
class AnotherFolderTest {
    @TempDir Path folder;
    private CoordinatorScene scene;
    private FakeNode first;
    private FakeNode second;
    private Job job;

    private static FakeNode node(String dataId) {
        return new FakeNode("node-1", NodeFacts.newBuilder().setArchitecture("amd64").setKernel("6.18").setCriuVersion("4.2.1").setDataId(dataId).build(), 4, 8L << 30);
    }

    @BeforeEach
    void open() throws Exception {
        scene = new CoordinatorScene(folder);
        first = scene.add(node("aaaa"), "node-1");
        job = scene.running();
        first.disconnect();
        second = node("bbbb");
        FakeNode ignored = second.connect(scene.grpcPort());
    }

    @AfterEach
    void close() {
        second.close();
        scene.close();
    }

    private NodeState state() {
        return scene.stub().getNode(GetNodeRequest.newBuilder().setNode("node-1").build()).getState();
    }

    @Test
    void itsSilenceOnAJobIsNoReceipt() {
        await().atMost(CoordinatorScene.SOON).until(() -> scene.job(job.getId()).getState() == JobState.UNREACHABLE);
        assertThat(state()).isEqualTo(NodeState.DOWN);
        await().during(Duration.ofSeconds(1)).atMost(CoordinatorScene.SOON).until(() -> scene.job(job.getId()).getState() == JobState.UNREACHABLE);
        assertThat(CoordinatorScene.refusal(() -> scene.stub().restoreJob(RestoreJobRequest.newBuilder().setJobOrImage(job.getId()).build()))).isEqualTo(ErrorCode.NOT_PROVEN_STOPPED);
        var unused = scene.stub().declareNodeDead(DeclareNodeDeadRequest.newBuilder().setNode("node-1").setChecked(true).build());
        await().atMost(CoordinatorScene.SOON).until(() -> state() == NodeState.READY);
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.LOST);
        assertThat(second.actions()).doesNotContain(ActionCase.START);
    }

    /** The job is another node's by then, and its life on this one is to be killed: nobody but its own daemon can say that it is. */
    @Test
    void itsWordThatNothingIsThereIsNoReceiptForAKill() {
        await().atMost(CoordinatorScene.SOON).until(() -> scene.job(job.getId()).getState() == JobState.UNREACHABLE);
        FakeNode ignored = first.connect(scene.grpcPort());
        await().atMost(CoordinatorScene.SOON).until(() -> scene.job(job.getId()).getState() == JobState.RUNNING);
        FakeNode target = scene.add("node-2");
        Operation saved = scene.awaitEnd(scene.stub().checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
        assertThat(saved.getState()).isEqualTo(OperationState.SUCCEEDED);
        first.answer(ActionCase.KILL, command -> Optional.empty());
        Operation move = scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).setTo("node-2").build());
        await().atMost(CoordinatorScene.SOON).until(() -> first.actions().contains(ActionCase.KILL));
        first.disconnect();
        await().during(Duration.ofSeconds(2)).atMost(CoordinatorScene.SOON).until(() -> !target.actions().contains(ActionCase.RESTORE));
        assertThat(second.actions()).doesNotContain(ActionCase.KILL);
        assertThat(scene.operation(move.getId()).getState()).isEqualTo(OperationState.OPEN);
    }

    @Test
    void theFirstOneGoesOnWithItsJobs() {
        await().atMost(CoordinatorScene.SOON).until(() -> scene.job(job.getId()).getState() == JobState.UNREACHABLE);
        FakeNode ignored = first.connect(scene.grpcPort());
        await().atMost(CoordinatorScene.SOON).until(() -> scene.job(job.getId()).getState() == JobState.RUNNING);
    }
}
