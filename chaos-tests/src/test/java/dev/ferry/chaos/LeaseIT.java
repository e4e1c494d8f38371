package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.cli.chaos.CriuProcesses;
import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetNodeRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListOperationsRequest;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.OnPartition;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.ProofKind;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the lease promises, measured: real daemons, watchdogs and jobs, cut off, stopped and killed. */
class LeaseIT {
    private static final Duration LEASE = Duration.ofSeconds(6);
    /** A tenth: what the coordinator waits behind a lease's end. */
    private static final Duration GRACE = LEASE.dividedBy(10);
    private static final Duration STILL = Duration.ofSeconds(1);

    @TempDir Path folder;
    private Scene scene;
    private Witness witness;

    @BeforeEach
    void open() throws Exception {
        scene = new Scene(folder.resolve("cluster"), Map.of("lease", LEASE.toSeconds() + "s"));
        witness = new Witness(folder.resolve("witness"));
    }

    @AfterEach
    void close() throws Exception {
        scene.close();
    }

    private Node node(int number) {
        return scene.ask(stub -> stub.getNode(GetNodeRequest.newBuilder().setNode("node-" + number).build()));
    }

    private static void signal(String signal, long pid) throws Exception {
        assertThat(new ProcessBuilder("kill", "-" + signal, Long.toString(pid)).start().waitFor()).isZero();
    }

    /**
     * Waits until the job's node is cut off and its job stands still, and measures that it did its last step before the lease ended, as
     * the coordinator counts it. What is left of the margin is said.
     */
    private void assertFrozenBeforeTheLeaseEnds(int node) throws Exception {
        await().atMost(Scene.SOON).until(() -> node(node).getLeaseLeftMillis() < LEASE.toMillis() * 9 / 10 && node(node).getLeaseLeftMillis() > 0);
        // The coordinator's count goes on to the end of the lease as the daemon counts it, and the grace behind it.
        long end = Witness.clock() + Duration.ofMillis(node(node).getLeaseLeftMillis()).minus(GRACE).toNanos();
        await().atMost(Scene.SOON).until(() -> node(node).hasProof());
        assertThat(Witness.clock()).isGreaterThan(end);
        assertThat(witness.isStill(STILL)).as("the job stands still when the lease has ended").isTrue();
        long margin = (end - witness.last().nanos()) / 1_000_000;
        System.out.println("last step " + margin + " ms before the end of a lease of " + LEASE.toMillis() + " ms");
        assertThat(margin).isPositive();
    }

    private void assertGoesOn() throws Exception {
        long before = witness.last().number();
        await().atMost(Scene.SOON).until(() -> witness.last().number() > before + 20);
    }

    @Test
    void aPartitionedNodesJobIsFrozenBeforeTheLeaseEndsAndGoesOnAfterIt() throws Exception {
        Job job = scene.run(witness.job());
        int node = Scene.nodeNumber(job.getNode());
        scene.cluster.cut(node);
        assertFrozenBeforeTheLeaseEnds(node);
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.UNREACHABLE);
        scene.cluster.mend(node);
        scene.awaitState(job.getId(), JobState.RUNNING);
        assertGoesOn();
        witness.assertNoGapAndNoRepeat();
        assertThat(scene.nodesWith(job.getId())).containsExactly(node);
        scene.cancel(job.getId());
    }

    @Test
    void aStoppedDaemonsJobIsFrozenAndRestoredElsewhereOnlyThen() throws Exception {
        Job job = scene.run(witness.job());
        int node = Scene.nodeNumber(job.getNode());
        Operation saved = scene.succeed(stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
        assertThat(saved.getImage()).isNotEmpty();
        assertGoesOn();
        signal("STOP", scene.cluster.node(node).pid());
        assertFrozenBeforeTheLeaseEnds(node);
        Job moved = restored(job, node);
        // The daemon wakes up with a stale copy, and all the answers that it had asked for.
        signal("CONT", scene.cluster.node(node).pid());
        assertOneLifeFrom(job, moved, node);
    }

    @Test
    void aKilledDaemonsJobIsFrozenAndRestoredElsewhereOnlyThen() throws Exception {
        Job job = scene.run(witness.job());
        int node = Scene.nodeNumber(job.getNode());
        Operation saved = scene.succeed(stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
        assertThat(saved.getImage()).isNotEmpty();
        assertGoesOn();
        scene.cluster.node(node).kill();
        assertFrozenBeforeTheLeaseEnds(node);
        Job moved = restored(job, node);
        scene.cluster.startNode(node);
        assertOneLifeFrom(job, moved, node);
    }

    /** CRIU's code stands still in the frozen job: nobody waits for it when the job lives elsewhere. */
    @Test
    void aDumpThatTheLeasesEndCutsIsGivenUp() throws Exception {
        Job job = scene.run(witness.job());
        int node = Scene.nodeNumber(job.getNode());
        Operation saved = scene.succeed(stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
        assertThat(saved.getImage()).isNotEmpty();
        assertGoesOn();
        Operation begun = scene.migrate(job.getId());
        assertThat(scene.awaitStep(begun, "DUMP")).isTrue();
        await().atMost(Scene.SOON).pollDelay(Duration.ZERO).pollInterval(Duration.ofMillis(1)).until(() -> CriuProcesses.working("dump", folder).isPresent());
        signal("STOP", scene.cluster.node(node).pid());
        await().atMost(Scene.SOON).until(() -> scene.job(job.getId()).getIncarnation() == 2);
        Job moved = scene.awaitState(job.getId(), JobState.RUNNING);
        signal("CONT", scene.cluster.node(node).pid());
        assertOneLifeFrom(job, moved, node);
        assertThat(scene.operation(begun.getId()).getError().getCode()).isEqualTo(ErrorCode.NODE_DOWN);
    }

    private Job restored(Job job, int lost) throws Exception {
        await().atMost(Scene.SOON).until(() -> scene.job(job.getId()).getIncarnation() == 2);
        Job moved = scene.awaitState(job.getId(), JobState.RUNNING);
        assertThat(Scene.nodeNumber(moved.getNode())).isEqualTo(3 - lost);
        assertThat(moved.getProof().getKind()).isEqualTo(ProofKind.PROOF_LEASE);
        Operation restore = scene.ask(stub -> stub.listOperations(ListOperationsRequest.newBuilder().setJob(job.getId()).build())).getOperations(0);
        assertThat(restore.getCause()).isEqualTo("loss of node node-" + lost);
        assertThat(restore.getProof()).isEqualTo(moved.getProof());
        assertGoesOn();
        return moved;
    }

    /** The witness: one life after the other, with the steps since the image done again once. */
    private void assertOneLifeFrom(Job job, Job moved, int lost) throws Exception {
        await().atMost(Scene.SOON).untilAsserted(() -> assertThat(scene.nodesWith(job.getId())).containsExactly(Scene.nodeNumber(moved.getNode())));
        await().atMost(Scene.SOON).until(() -> !node(lost).hasProof());
        assertGoesOn();
        List<Integer> back = witness.backSteps();
        assertThat(back).as("the second life went on from the image, once").hasSize(1);
        long pause = witness.steps().get(back.getFirst()).nanos() - witness.steps().get(back.getFirst() - 1).nanos();
        assertThat(pause).as("between the two lives the rest of the lease passed").isGreaterThan(GRACE.toNanos());
        scene.cancel(job.getId());
    }

    /** It has heard nobody, but nobody is lost: jobs go on where they are, on both nodes. */
    @Test
    void aCoordinatorThatIsStoppedForLongerThanALeaseRestoresNothing() throws Exception {
        Job job = scene.run(witness.job());
        Operation saved = scene.succeed(stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
        assertThat(saved.getImage()).isNotEmpty();
        signal("STOP", scene.cluster.coordinator().pid());
        await().atMost(Scene.SOON).until(() -> witness.isStill(LEASE));
        signal("CONT", scene.cluster.coordinator().pid());
        scene.awaitState(job.getId(), JobState.RUNNING);
        assertGoesOn();
        witness.assertNoGapAndNoRepeat();
        assertThat(scene.job(job.getId()).getIncarnation()).isEqualTo(1);
        scene.cancel(job.getId());
    }

    @Test
    void aJobThatGoesOnIsNeverFrozenAndNeverRestoredByTheLeasesEnd() throws Exception {
        Job job = scene.run(witness.job().setOnPartition(OnPartition.CONTINUE_ON_PARTITION));
        int node = Scene.nodeNumber(job.getNode());
        Operation saved = scene.succeed(stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
        assertThat(saved.getImage()).isNotEmpty();
        scene.cluster.cut(node);
        await().atMost(Scene.SOON).until(() -> node(node).hasProof());
        assertGoesOn();
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.UNREACHABLE);
        assertThat(scene.job(job.getId()).getOperation()).isEmpty();
        scene.cluster.mend(node);
        scene.awaitState(job.getId(), JobState.RUNNING);
        assertGoesOn();
        witness.assertNoGapAndNoRepeat();
        scene.cancel(job.getId());
    }
}
