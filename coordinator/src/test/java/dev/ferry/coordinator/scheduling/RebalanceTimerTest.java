package dev.ferry.coordinator.scheduling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.CoordinatorScene;
import dev.ferry.coordinator.FakeNode;
import dev.ferry.proto.v1.CancelJobRequest;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.DecisionsGrpc;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListOperationsRequest;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.RebalanceRequest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two nodes of four CPUs, and a coordinator that moves jobs together by itself, one an hour. */
class RebalanceTimerTest {
    @TempDir Path folder;

    private static JobSpec.Builder cpus(int cpus) {
        return JobSpec.newBuilder().setCpuMillis(1000L * cpus);
    }

    @Test
    void inItsWindowItMakesRoomUntilTheBudgetOfTheHourIsSpentAlsoOverARestart() throws Exception {
        try (CoordinatorScene scene = new CoordinatorScene(folder, SchedulingTexts.with("preemption: false\nminimumRun: 0s\nrebalanceWindows: 00:00-24:00\nrebalanceMoves: 1\n"))) {
            scene.add("node-1");
            scene.add("node-2");
            Job large = scene.awaitState(scene.run(cpus(3)).getId(), JobState.RUNNING);
            Job small = scene.awaitState(scene.run(cpus(1)).getId(), JobState.RUNNING);
            assertThat(small.getNode()).isNotEqualTo(large.getNode());
            Job whole = scene.awaitState(scene.run(cpus(4)).getId(), JobState.RUNNING);
            assertThat(whole.getNode()).isEqualTo(small.getNode());
            assertThat(scene.awaitState(small.getId(), JobState.RUNNING).getNode()).isEqualTo(large.getNode());
            String cause = scene.stub().listOperations(ListOperationsRequest.newBuilder().setJob(small.getId()).build()).getOperations(0).getCause();
            assertThat(cause).isEqualTo("rebalance for " + whole.getId());
            for (Job job : new Job[] {large, whole}) {
                scene.awaitEnd(scene.stub().cancelJob(CancelJobRequest.newBuilder().setJob(job.getId()).build()));
            }
            // The same again: by hand it could be done.
            Job other = scene.awaitState(scene.run(cpus(3)).getId(), JobState.RUNNING);
            assertThat(other.getNode()).isNotEqualTo(scene.job(small.getId()).getNode());
            Job waits = scene.run(cpus(4));
            scene.awaitJob(waits.getId(), job -> !job.getReason().isEmpty());
            scene.stop();
            scene.start();
            await().during(Duration.ofSeconds(12)).atMost(CoordinatorScene.SOON).until(() -> scene.job(waits.getId()).getState() == JobState.PENDING);
            assertThat(scene.ask(DecisionsGrpc::newBlockingStub).rebalance(RebalanceRequest.newBuilder().setDryRun(true).build()).getGainsList()).singleElement().satisfies(gain -> assertThat(gain.getJob()).isEqualTo(waits.getId()));
        }
    }

    @Test
    void aJobThatCouldNotBeMovedIsLeftAlone() throws Exception {
        try (CoordinatorScene scene = new CoordinatorScene(folder, SchedulingTexts.with("preemption: false\nminimumRun: 0s\nrebalanceWindows: 00:00-24:00\nrebalanceMoves: 9\n"))) {
            scene.add("node-1").fail(Command.ActionCase.DUMP, ErrorCode.DUMP_FAILED);
            scene.add("node-2").fail(Command.ActionCase.DUMP, ErrorCode.DUMP_FAILED);
            Job large = scene.awaitState(scene.run(cpus(3)).getId(), JobState.RUNNING);
            Job small = scene.awaitState(scene.run(cpus(1)).getId(), JobState.RUNNING);
            Job waits = scene.run(cpus(4));
            ListOperationsRequest ofSmall = ListOperationsRequest.newBuilder().setJob(small.getId()).build();
            await().atMost(CoordinatorScene.SOON).until(() -> scene.stub().listOperations(ofSmall).getOperations(0).getState() == OperationState.FAILED_OPERATION);
            int tried = scene.stub().listOperations(ofSmall).getOperationsCount();
            await().during(Duration.ofSeconds(12)).atMost(CoordinatorScene.SOON).until(() -> scene.stub().listOperations(ofSmall).getOperationsCount() == tried);
            assertThat(scene.job(large.getId()).getState()).isEqualTo(JobState.RUNNING);
            assertThat(scene.job(waits.getId()).getState()).isEqualTo(JobState.PENDING);
        }
    }

    /** Nobody asked for the move, and so nobody would resume what it could only store. */
    @Test
    void aJobThatWasStoredButCouldNotBeRestoredComesBackByItself() throws Exception {
        try (CoordinatorScene scene = new CoordinatorScene(folder, SchedulingTexts.with("preemption: false\nminimumRun: 0s\nrebalanceWindows: 00:00-24:00\nrebalanceMoves: 9\n"))) {
            List<FakeNode> nodes = List.of(scene.add("node-1"), scene.add("node-2"));
            scene.awaitState(scene.run(cpus(3)).getId(), JobState.RUNNING);
            Job small = scene.awaitState(scene.run(cpus(1)).getId(), JobState.RUNNING);
            nodes.forEach(node -> node.fail(Command.ActionCase.RESTORE, ErrorCode.STORE_UNREACHABLE));
            Job whole = scene.run(cpus(4));
            Job stored = scene.awaitJob(small.getId(), job -> job.getState() == JobState.SUSPENDED && job.getOperation().isEmpty());
            assertThat(stored.getQueue().getCause()).isEqualTo("rebalance for " + whole.getId());
            nodes.forEach(node -> node.behave(Command.ActionCase.RESTORE));
            assertThat(scene.awaitState(small.getId(), JobState.RUNNING).getIncarnation()).isGreaterThan(1);
        }
    }

    @Test
    void aWindowThatIsNoneIsSaidWithItsKey() {
        assertThatThrownBy(() -> SchedulingTexts.with("rebalanceWindows: at night\n")).isInstanceOf(FerryException.class).hasMessageContaining("rebalanceWindows: 'at night' is no window");
    }
}
