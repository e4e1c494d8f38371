package dev.ferry.coordinator.scheduling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.PassInput;
import dev.ferry.proto.v1.PassNode;
import dev.ferry.proto.v1.PassRunning;
import dev.ferry.proto.v1.RebalancePlan;
import dev.ferry.scheduling.pass.Demand;
import dev.ferry.scheduling.pass.Room;
import dev.ferry.scheduling.pass.RunningJob;
import dev.ferry.scheduling.pass.WaitingJob;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Three nodes with two GPUs each; the first GPU of the first one is failing, and each of its GPUs has a job. */
class FailingGpusTest {
    private static final Demand ONE_GPU = new Demand(1, 1000, 1024, 1, 0);
    private static final PassInput INPUT =
            PassInput.newBuilder()
                    .addNodes(PassNode.newBuilder().setName("node-1"))
                    .addNodes(PassNode.newBuilder().setName("node-2"))
                    .addNodes(PassNode.newBuilder().setName("node-3"))
                    .addRunning(PassRunning.newBuilder().setJob("j-onsick").setMoveSeconds(2))
                    .addRunning(PassRunning.newBuilder().setJob("j-onwell").setMoveSeconds(2))
                    .build();

    @TempDir private Path folder;
    private StateStore store;

    @BeforeEach
    void open() throws Exception {
        store = SqliteStateStore.open(folder);
        var unused =
                store.transact(
                        state -> {
                            state.put(node("node-1", Gpu.newBuilder().setUuid("GPU-1-0").setSick("Xid 79: fallen off the bus")));
                            state.put(node("node-2", Gpu.newBuilder().setUuid("GPU-2-0")));
                            state.put(node("node-3", Gpu.newBuilder().setUuid("GPU-3-0")));
                            state.put(job("j-onsick", "GPU-1-0"));
                            return state.put(job("j-onwell", "GPU-1-1"));
                        });
    }

    @AfterEach
    void close() throws Exception {
        store.close();
    }

    private static Node node(String name, Gpu.Builder first) {
        return Node.newBuilder().setName(name).setState(NodeState.READY).setFacts(NodeFacts.newBuilder().addGpus(first).addGpus(Gpu.newBuilder().setUuid(first.getUuid().replace("-0", "-1")))).build();
    }

    private static Job job(String id, String gpu) {
        return Job.newBuilder().setId(id).setState(JobState.RUNNING).setNode("node-1").addGpus(gpu).setSpec(JobSpec.newBuilder().setGpus(1)).build();
    }

    private static RunningJob running(int at, boolean movable) {
        return new RunningJob(at, 0, ONE_GPU, new int[] {0}, 0, WaitingJob.UNKNOWN, 2, 0, 0, movable);
    }

    private List<RebalancePlan.Move> leave(Room room, boolean movable, int most, Predicate<RebalancePlan.Move> suits) {
        return store.transact((Transaction state) -> FailingGpus.leave(state, INPUT, room, List.of(running(0, movable), running(1, movable)), most, suits));
    }

    private static Room free(int... gpus) {
        long[] cpus = new long[gpus.length];
        long[] memory = new long[gpus.length];
        Arrays.fill(cpus, 8000);
        Arrays.fill(memory, 1 << 20);
        return Room.of(cpus, memory, gpus, new long[gpus.length]);
    }

    @Test
    void whoRunsOnOneGoesToTheFullestNodeThatTakesHim() {
        Room room = free(0, 2, 1);
        assertThat(leave(room, true, 8, move -> true)).singleElement().satisfies(move -> {
            assertThat(move.getJob()).isEqualTo("j-onsick");
            assertThat(move.getFrom()).isEqualTo("node-1");
            assertThat(move.getTo()).isEqualTo("node-3");
            assertThat(move.getWhy()).isEqualTo("its GPU-1-0 is failing: Xid 79: fallen off the bus");
        });
        assertThat(room.gpus(2)).as("what he takes is taken").isZero();
        assertThat(room.gpus(0)).as("what he leaves is no room").isZero();
        assertThat(store.transact(FailingGpus::hold)).isTrue();
    }

    @Test
    void nobodyGoesWhereHeDoesNotSuitOrHasNoRoom() {
        assertThat(leave(free(0, 2, 1), true, 8, move -> move.getTo().equals("node-2"))).extracting(RebalancePlan.Move::getTo).containsExactly("node-2");
        assertThat(leave(free(0, 2, 1), true, 8, move -> false)).isEmpty();
        assertThat(leave(free(2, 0, 0), true, 8, move -> true)).isEmpty();
        assertThat(leave(free(0, 2, 1), true, 0, move -> true)).isEmpty();
        assertThat(leave(free(0, 2, 1), false, 8, move -> true)).isEmpty();
    }

    @Test
    void whoHasOneGivesNobodyRoomByIt() {
        PassInput read = store.transact((Transaction state) -> PassReader.read(state, SchedulingConfig.defaults()));
        assertThat(read.getRunningList()).extracting(PassRunning::getJob, PassRunning::getFailingGpus).containsExactlyInAnyOrder(tuple("j-onsick", 1), tuple("j-onwell", 0));
        assertThat(read.getRunningList()).allSatisfy(one -> assertThat(one.getDemand().getGpus()).as("what it needs elsewhere").isEqualTo(1));
    }

    @Test
    void whereAllAreWellNobodyLeaves() {
        boolean ignored =
                store.transact(
                        state -> {
                            state.put(node("node-1", Gpu.newBuilder().setUuid("GPU-1-0")));
                            return true;
                        });
        assertThat(leave(free(0, 2, 1), true, 8, move -> true)).isEmpty();
        assertThat(store.transact(FailingGpus::hold)).isFalse();
    }
}
