package dev.ferry.coordinator;

import static dev.ferry.coordinator.CoordinatorScene.assertSucceeded;
import static dev.ferry.coordinator.CoordinatorScene.refusal;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.Command.ActionCase;
import dev.ferry.proto.v1.DeclareNodeDeadRequest;
import dev.ferry.proto.v1.DeleteJobRequest;
import dev.ferry.proto.v1.DeletedJob;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetImageRequest;
import dev.ferry.proto.v1.GetNodeRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListImagesRequest;
import dev.ferry.proto.v1.ListJobsRequest;
import dev.ferry.proto.v1.ListNodesRequest;
import dev.ferry.proto.v1.ListOperationsRequest;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeState;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of jobs that have ended, and of dead nodes: a real coordinator, with daemons that are played. */
class EndedJobsTest {
    @TempDir Path folder;
    private CoordinatorScene scene;
    private FakeNode one;

    private void open(String keepEnded) throws Exception {
        scene = new CoordinatorScene(folder, new UpkeepConfig("0s", "0s", "24h", 0, 0, 0, -1, keepEnded));
        one = scene.add("node-1");
    }

    @AfterEach
    void close() {
        scene.close();
    }

    private void says(Job job, LocalState state) {
        JobReport.Builder report = JobReport.newBuilder().setJob(job.getId()).setIncarnation(1).setState(state).setSince(System.currentTimeMillis());
        one.report(state == LocalState.LOCAL_EXITED ? report.setExitStatus(0).build() : report.build());
    }

    private Job exited() {
        Job job = scene.running();
        says(job, LocalState.LOCAL_EXITED);
        return scene.awaitState(job.getId(), JobState.EXITED);
    }

    private Job saved() {
        Job job = scene.running();
        assertSucceeded(scene.awaitEnd(scene.stub().checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build())));
        return job;
    }

    private List<String> jobs() {
        return scene.stub().listJobs(ListJobsRequest.newBuilder().setAll(true).build()).getJobsList().stream().map(Job::getId).toList();
    }

    private void awaitGone(Job job) {
        await().atMost(CoordinatorScene.SOON).until(() -> !jobs().contains(job.getId()));
    }

    private List<ActionCase> orders(Job job) {
        return one.commands().stream().filter(command -> command.getJob().equals(job.getId())).map(Command::getActionCase).toList();
    }

    private int operations() {
        return scene.stub().listOperations(ListOperationsRequest.getDefaultInstance()).getOperationsCount();
    }

    private DeletedJob delete(Job job, boolean images) {
        return scene.stub().deleteJob(DeleteJobRequest.newBuilder().setJob(job.getId()).setImages(images).build());
    }

    private static GetNodeRequest node(String name) {
        return GetNodeRequest.newBuilder().setNode(name).build();
    }

    private void declareDead(String name) {
        await().atMost(CoordinatorScene.SOON).until(() -> scene.stub().getNode(node(name)).getState() == NodeState.DOWN);
        assertThat(scene.stub().declareNodeDead(DeclareNodeDeadRequest.newBuilder().setNode(name).setChecked(true).build()).getState()).isEqualTo(NodeState.DEAD);
    }

    @Test
    void aJobThatEndedLongAgoIsForgottenByItsNodeFirstAndThenHere() throws Exception {
        open("1s");
        Job lost = scene.running();
        says(lost, LocalState.LOCAL_LOST);
        assertThat(scene.awaitState(lost.getId(), JobState.LOST).getNode()).isEqualTo("node-1");
        Job lives = scene.running();
        Job job = exited();
        awaitGone(job);
        assertThat(orders(job)).containsExactly(ActionCase.START, ActionCase.FORGET);
        assertThat(one.has(job.getId())).isFalse();
        assertThat(operations()).isEqualTo(2);
        // What may come back, or lives, is left alone.
        assertThat(jobs()).containsExactlyInAnyOrder(lost.getId(), lives.getId());
        assertThat(orders(lost)).containsExactly(ActionCase.START);
        assertThat(one.actions().stream().filter(ActionCase.FORGET::equals)).hasSize(1);
    }

    @Test
    void aJobStaysForAsLongAsItHasAnImage() throws Exception {
        open("1s");
        Job saved = saved();
        says(saved, LocalState.LOCAL_EXITED);
        String image = scene.awaitState(saved.getId(), JobState.EXITED).getLatestImage();
        awaitGone(exited());
        assertThat(jobs()).containsExactly(saved.getId());
        assertThat(orders(saved)).doesNotContain(ActionCase.FORGET);
        // It leaves the catalogue; the daemon that is played has made none.
        assertThat(refusal(() -> scene.stub().deleteImage(GetImageRequest.newBuilder().setImage(image).build()))).isEqualTo(ErrorCode.IMAGE_NOT_FOUND);
        awaitGone(saved);
        assertThat(orders(saved)).endsWith(ActionCase.FORGET);
        assertThat(operations()).isZero();
    }

    @Test
    void aCoordinatorThatEndsBetweenTheNodesWordAndItsOwnGoesOn() throws Exception {
        open("1s");
        one.answer(
                ActionCase.FORGET,
                command -> {
                    // It is done, and nobody hears of it.
                    one.forget(command.getJob());
                    return Optional.empty();
                });
        Job job = exited();
        await().atMost(CoordinatorScene.SOON).until(() -> orders(job).contains(ActionCase.FORGET));
        scene.stop();
        one.behave(ActionCase.FORGET);
        scene.start();
        awaitGone(job);
        assertThat(orders(job)).containsExactly(ActionCase.START, ActionCase.FORGET, ActionCase.FORGET);
    }

    /** Nothing is awaited of a dead node; if it comes back, all it has of the job goes. */
    @Test
    void aNodeThatComesBackWithAForgottenJobIsToldToKillAndToForgetIt() throws Exception {
        open("2s");
        FakeNode two = scene.add("node-2");
        one.answer(ActionCase.FORGET, CoordinatorScene.silence());
        Job job = exited();
        one.disconnect();
        one.behave(ActionCase.FORGET);
        await().atMost(CoordinatorScene.SOON).until(() -> scene.stub().getNode(node("node-1")).getState() == NodeState.DOWN);
        awaitNoForget(job);
        declareDead("node-1");
        awaitGone(job);
        assertThat(one.has(job.getId())).isTrue();
        one.connect(scene.grpcPort());
        await().atMost(CoordinatorScene.SOON).until(() -> orders(job).contains(ActionCase.KILL) && orders(job).getLast() == ActionCase.FORGET);
        assertThat(orders(job)).endsWith(ActionCase.KILL, ActionCase.FORGET);
        assertThat(one.standing()).isEmpty();
        assertThat(one.has(job.getId())).isFalse();
        assertThat(two.actions()).containsExactly(ActionCase.START, ActionCase.FORGET);
    }

    /** A node that is away may have something of it: a job of another one is forgotten meanwhile, this one is not. */
    private void awaitNoForget(Job away) {
        Job other = scene.awaitState(scene.run(JobSpec.newBuilder().setNode("node-2")).getId(), JobState.RUNNING);
        scene.node("node-2").report(JobReport.newBuilder().setJob(other.getId()).setIncarnation(1).setState(LocalState.LOCAL_EXITED).setSince(System.currentTimeMillis()).setExitStatus(0).build());
        awaitGone(other);
        assertThat(jobs()).contains(away.getId());
    }

    @Test
    void onDemandOnlyWhatHasEndedAndHasNoImagesIsDeleted() throws Exception {
        open("0s");
        Job lives = scene.running();
        assertThat(refusal(() -> delete(lives, true))).isEqualTo(ErrorCode.WRONG_STATE);
        Job saved = saved();
        says(saved, LocalState.LOCAL_EXITED);
        Job ended = scene.awaitState(saved.getId(), JobState.EXITED);
        assertThat(refusal(() -> delete(saved, false))).isEqualTo(ErrorCode.IMAGE_IN_USE);
        assertThat(jobs()).contains(saved.getId());
        one.fail(ActionCase.FORGET, ErrorCode.WRONG_STATE);
        assertThat(refusal(() -> delete(saved, true))).isEqualTo(ErrorCode.NODE_DOWN);
        assertThat(scene.job(saved.getId()).getLatestImage()).isEmpty();
        one.behave(ActionCase.FORGET);
        assertThat(delete(saved, false).getJob().getId()).isEqualTo(ended.getId());
        assertThat(refusal(() -> delete(saved, false))).isEqualTo(ErrorCode.JOB_NOT_FOUND);
        assertThat(jobs()).containsExactly(lives.getId());
        assertThat(scene.stub().listImages(ListImagesRequest.getDefaultInstance()).getImagesList()).isEmpty();
        assertThat(orders(lives)).containsExactly(ActionCase.START);
    }

    @Test
    void aNodeIsRemovedOnlyWhenItIsDeclaredDeadAndNothingDealsWithIt() throws Exception {
        open("0s");
        assertThat(refusal(() -> scene.stub().removeNode(node("node-1")))).isEqualTo(ErrorCode.WRONG_STATE);
        Job job = scene.running();
        one.disconnect();
        await().atMost(CoordinatorScene.SOON).until(() -> scene.stub().getNode(node("node-1")).getState() == NodeState.DOWN);
        assertThat(refusal(() -> scene.stub().removeNode(node("node-1")))).isEqualTo(ErrorCode.WRONG_STATE);
        declareDead("node-1");
        assertThat(scene.stub().removeNode(node("node-1")).getName()).isEqualTo("node-1");
        assertThat(scene.stub().listNodes(ListNodesRequest.getDefaultInstance()).getNodesList()).isEmpty();
        assertThat(refusal(() -> scene.stub().removeNode(node("node-1")))).isEqualTo(ErrorCode.NODE_NOT_FOUND);
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.LOST);
        // It was not dead after all: what it has left of the job does not stand.
        one.connect(scene.grpcPort());
        await().atMost(CoordinatorScene.SOON).until(() -> !one.has(job.getId()));
        assertThat(one.standing()).isEmpty();
        Optional<Node> back = scene.stub().listNodes(ListNodesRequest.getDefaultInstance()).getNodesList().stream().findFirst();
        assertThat(back.map(Node::getState)).contains(NodeState.READY);
        assertThat(orders(job)).containsExactly(ActionCase.START, ActionCase.KILL);
    }
}
