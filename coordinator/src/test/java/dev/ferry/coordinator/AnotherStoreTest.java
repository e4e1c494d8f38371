package dev.ferry.coordinator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.Command.ActionCase;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetNodeRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.StoreSight;
import dev.ferry.proto.v1.SuspendJobRequest;
import dev.ferry.storage.StoreId;
import dev.ferry.storage.image.Keys;
import dev.ferry.storage.object.FolderStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nodes that do not see the coordinator's store get no jobs, and lose none. */
class AnotherStoreTest {
    private static final StoreSight ANOTHER = StoreSight.newBuilder().setId("another").setPlace("file:///elsewhere").build();
    private static final StoreSight UNMARKED = StoreSight.newBuilder().setPlace("file:///elsewhere").setProblem("no coordinator has worked with it").setUnmarked(true).build();
    private static final StoreSight SILENT = StoreSight.newBuilder().setPlace("s3://bucket").setProblem("it does not answer").build();

    @TempDir Path folder;
    private CoordinatorScene scene;
    private StoreSight same;

    @BeforeEach
    void open() throws Exception {
        scene = new CoordinatorScene(folder);
        FolderStore store = new FolderStore(folder.resolve("store"));
        same = StoreSight.newBuilder().setId(StoreId.read(store).orElseThrow()).setPlace(store.describe()).build();
    }

    @AfterEach
    void close() {
        scene.close();
    }

    private FakeNode add(String name, StoreSight sight) {
        NodeFacts facts = NodeFacts.newBuilder().setArchitecture("amd64").setKernel("6.18").setCriuVersion("4.2.1").setStore(sight).build();
        return scene.add(new FakeNode(name, facts, 4, 8L << 30), name);
    }

    private Node node(String name) {
        return scene.stub().getNode(GetNodeRequest.newBuilder().setNode(name).build());
    }

    private void awaitNode(String name, Predicate<Node> wanted) {
        await().atMost(CoordinatorScene.SOON).until(() -> wanted.test(node(name)));
    }

    @Test
    void aNodeOfAnotherStoreGetsNoJobsUntilItSeesTheRightOne() {
        FakeNode one = add("node-1", ANOTHER);
        assertThat(node("node-1").getStoreProblem()).contains("file:///elsewhere", same.getPlace(), "store.url");
        assertThat(node("node-1").getState()).isEqualTo(NodeState.READY);
        String job = scene.run(JobSpec.newBuilder()).getId();
        for (StoreSight sight : new StoreSight[] {UNMARKED, SILENT, ANOTHER}) {
            one.say(sight);
            awaitNode("node-1", node -> node.getFacts().getStore().equals(sight));
            assertThat(node("node-1").getStoreProblem()).contains(sight.equals(SILENT) ? "it does not answer" : "file:///elsewhere");
            assertThat(node("node-1").getOtherStore()).as("that its store is away says nothing of which one it is").isTrue();
        }
        assertThat(one.actions()).doesNotContain(ActionCase.START);
        one.say(same);
        assertThat(scene.awaitState(job, JobState.RUNNING).getNode()).isEqualTo("node-1");
        assertThat(node("node-1").getStoreProblem()).isEmpty();
        assertThat(node("node-1").getOtherStore()).isFalse();
        one.say(SILENT);
        awaitNode("node-1", node -> !node.getStoreProblem().isEmpty());
        assertThat(node("node-1").getOtherStore()).isFalse();
    }

    /** Its jobs run on, and nothing that would be found nowhere takes their place. */
    @Test
    void aJobOnANodeThatLostTheStoreRunsOnAndIsNotSavedThere() {
        FakeNode one = add("node-1", same);
        Job job = scene.running();
        FakeNode ignored = add("node-2", same);
        one.say(UNMARKED);
        awaitNode("node-1", Node::getOtherStore);
        assertThat(CoordinatorScene.refusal(() -> scene.stub().checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()))).isEqualTo(ErrorCode.OTHER_STORE);
        assertThat(CoordinatorScene.refusal(() -> scene.stub().suspendJob(SuspendJobRequest.newBuilder().setJob(job.getId()).build()))).isEqualTo(ErrorCode.OTHER_STORE);
        assertThat(CoordinatorScene.refusal(() -> scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build()))).isEqualTo(ErrorCode.OTHER_STORE);
        one.say(SILENT);
        awaitNode("node-1", node -> node.getStoreProblem().contains("it does not answer"));
        assertThat(CoordinatorScene.refusal(() -> scene.stub().suspendJob(SuspendJobRequest.newBuilder().setJob(job.getId()).build()))).as("it may come back as the other one").isEqualTo(ErrorCode.OTHER_STORE);
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.RUNNING);
        assertThat(one.actions()).containsExactly(ActionCase.START);
        one.say(same);
        awaitNode("node-1", node -> node.getStoreProblem().isEmpty());
        CoordinatorScene.assertSucceeded(scene.awaitEnd(scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build())));
    }

    /** Before the commit the job can still go on where it is. */
    @Test
    void anImageThatWasMadeElsewhereIsNotCommitted() {
        FakeNode one = add("node-1", same);
        Job job = scene.running();
        FakeNode two = add("node-2", same);
        one.delay(ActionCase.DUMP, Duration.ofMillis(500));
        Operation move = scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build());
        await().atMost(CoordinatorScene.SOON).until(() -> one.actions().contains(ActionCase.DUMP));
        one.say(ANOTHER);
        CoordinatorScene.assertFailed(scene.awaitEnd(move), ErrorCode.OTHER_STORE);
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.RUNNING);
        assertThat(scene.job(job.getId()).getNode()).isEqualTo("node-1");
        assertThat(one.actions()).containsExactly(ActionCase.START, ActionCase.DUMP, ActionCase.THAW);
        assertThat(two.actions()).doesNotContain(ActionCase.RESTORE);
    }

    @Test
    void noJobGoesToANodeOfAnotherStore() {
        FakeNode ignored = add("node-1", same);
        Job job = scene.running();
        FakeNode two = add("node-2", ANOTHER);
        CoordinatorScene.assertFailed(scene.awaitEnd(scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).setTo("node-2").build())), ErrorCode.OTHER_STORE);
        CoordinatorScene.assertFailed(scene.awaitEnd(scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build())), ErrorCode.NO_CAPACITY);
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.RUNNING);
        assertThat(two.actions()).isEmpty();
    }

    /** A node that was proven stays so, one that was not waits, one of another store is still one, and all are judged when the store is back. */
    @Test
    void aCoordinatorThatCannotReadItsStoreYetTakesNothingBack() throws Exception {
        FakeNode ignored = add("node-1", same);
        FakeNode ofAnother = add("node-3", ANOTHER);
        scene.stop();
        Path id = folder.resolve("store").resolve(Keys.IDENTITY);
        Files.move(id, folder.resolve("aside"));
        // Reading a folder fails as a network file system does that is away.
        Files.createDirectory(id);
        scene.start();
        FakeNode two = add("node-2", same);
        assertThat(scene.running().getNode()).isEqualTo("node-1");
        assertThat(node("node-2").getStoreProblem()).contains("until the coordinator can read its own store");
        assertThat(node("node-2").getOtherStore()).isFalse();
        awaitNode("node-3", node -> node.getStoreProblem().contains("until the coordinator can read its own store"));
        assertThat(node("node-3").getOtherStore()).isTrue();
        Files.delete(id);
        Files.move(folder.resolve("aside"), id);
        awaitNode("node-2", node -> node.getStoreProblem().isEmpty());
        assertThat(node("node-1").getStoreProblem()).isEmpty();
        assertThat(node("node-3").getOtherStore()).isTrue();
        assertThat(two.actions()).isEmpty();
        assertThat(ofAnother.actions()).isEmpty();
    }

    /** One from before stores had ids can't say which it sees. */
    @Test
    void aDaemonThatSaysNothingIsBelieved() {
        FakeNode ignored = scene.add("node-1");
        assertThat(scene.running().getNode()).isEqualTo("node-1");
    }
}
