package dev.ferry.coordinator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.GetNodeRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.Peer;
import dev.ferry.proto.v1.ResumeJobRequest;
import dev.ferry.proto.v1.SuspendJobRequest;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which node an order names as the one to ask for chunks. */
class PeerOrdersTest {
    @TempDir Path folder;
    private CoordinatorScene scene;

    @BeforeEach
    void open() throws Exception {
        scene = new CoordinatorScene(folder);
    }

    @AfterEach
    void close() {
        scene.close();
    }

    private Job run() {
        return scene.awaitState(scene.run(JobSpec.newBuilder().addCommand("sleep").setCpuMillis(100).setMemoryBytes(64 << 20)).getId(), JobState.RUNNING);
    }

    private void succeed(Operation begun) {
        Operation ended = scene.awaitEnd(begun);
        assertThat(ended.getState()).as(ended.toString()).isEqualTo(OperationState.SUCCEEDED);
    }

    private void migrate(Job job, boolean live) {
        succeed(scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).setLive(live).build()));
    }

    private static Command last(FakeNode node, Command.ActionCase action) {
        List<Command> all = node.commands().stream().filter(command -> command.getActionCase() == action).toList();
        assertThat(all).isNotEmpty();
        return all.getLast();
    }

    private static Peer at(String node, String address) {
        return Peer.newBuilder().setNode(node).setAddress(address).build();
    }

    @Test
    void theTargetIsToldWhereTheSourceIs() {
        FakeNode first = scene.add(new FakeNode("node-1").peerAt("10.0.0.1:7071"), "node-1");
        Job job = run();
        FakeNode second = scene.add("node-2");
        migrate(job, true);
        assertThat(last(second, Command.ActionCase.PREFETCH).getPrefetch().getPeer()).isEqualTo(at("node-1", "10.0.0.1:7071"));
        assertThat(last(second, Command.ActionCase.RESTORE).getRestore().getPeer()).isEqualTo(at("node-1", "10.0.0.1:7071"));
        migrate(job, false);
        assertThat(last(first, Command.ActionCase.RESTORE).getRestore().hasPeer()).as("node-2 has told no address").isFalse();
    }

    /** By a node that was taken over. */
    @ParameterizedTest
    @ValueSource(strings = {"nowhere", "10.0.0.1:7071\nWARN all is well", "10.0.0.1:port", ":7071", "LONG"})
    void whatIsNoAddressIsToldToNobody(String told) {
        scene.add(new FakeNode("node-1").peerAt(told.equals("LONG") ? "a".repeat(1 << 20) + ":7071" : told), "node-1");
        Job job = run();
        FakeNode second = scene.add("node-2");
        migrate(job, false);
        assertThat(last(second, Command.ActionCase.RESTORE).getRestore().hasPeer()).isFalse();
    }

    /** It is not asked for what it has itself. */
    @Test
    void aNodeIsNotItsOwnPeer() {
        FakeNode only = scene.add(new FakeNode("node-1").peerAt("10.0.0.1:7071"), "node-1");
        Job job = run();
        succeed(scene.stub().suspendJob(SuspendJobRequest.newBuilder().setJob(job.getId()).build()));
        succeed(scene.stub().resumeJob(ResumeJobRequest.newBuilder().setJob(job.getId()).build()));
        assertThat(last(only, Command.ActionCase.RESTORE).getRestore().hasPeer()).isFalse();
    }

    @Test
    void whoHasWrittenTheImageIsAskedAsLongAsItIsThere() {
        FakeNode first = scene.add(new FakeNode("node-1").peerAt("10.0.0.1:7071"), "node-1");
        List<Job> jobs = List.of(run(), run());
        jobs.forEach(job -> succeed(scene.stub().suspendJob(SuspendJobRequest.newBuilder().setJob(job.getId()).build())));
        FakeNode second = scene.add("node-2");
        resume(jobs.getFirst());
        assertThat(last(second, Command.ActionCase.RESTORE).getRestore().getPeer()).isEqualTo(at("node-1", "10.0.0.1:7071"));
        first.disconnect();
        await().atMost(CoordinatorScene.SOON).until(() -> scene.stub().getNode(GetNodeRequest.newBuilder().setNode("node-1").build()).getState() == NodeState.DOWN);
        resume(jobs.getLast());
        assertThat(last(second, Command.ActionCase.RESTORE).getRestore().hasPeer()).isFalse();
    }

    private void resume(Job job) {
        succeed(scene.stub().resumeJob(ResumeJobRequest.newBuilder().setJob(job.getId()).setNode("node-2").build()));
    }
}
