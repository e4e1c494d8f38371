package dev.ferry.coordinator.scheduling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.placement.GpuShares;
import dev.ferry.coordinator.placement.Placement;
import dev.ferry.coordinator.placement.Usage;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobQueue;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.PassNode;
import dev.ferry.proto.v1.Proof;
import dev.ferry.proto.v1.ProofKind;
import dev.ferry.proto.v1.Resources;
import dev.ferry.proto.v1.RoomClaim;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A job of eight GPUs for which two victims leave a node of eight: the first, of two GPUs, is out; the second, of six, is still being saved. */
class ClaimsTest {
    private static final JobSpec TWO = JobSpec.newBuilder().setGpus(2).build();

    @TempDir private Path folder;
    private StateStore store;

    @BeforeEach
    void open() throws Exception {
        store = SqliteStateStore.open(folder);
        Job taker = store.transact(ClaimsTest::claims);
        assertThat(taker.getQueue().hasClaim()).isTrue();
    }

    @AfterEach
    void close() throws Exception {
        store.close();
    }

    private static Job claims(Transaction state) {
        NodeFacts.Builder facts = NodeFacts.newBuilder().setGpuCanSave(true);
        Job.Builder second = Job.newBuilder().setId("j-second").setState(JobState.RUNNING).setNode("node-1").setOperation("o-second").setSpec(JobSpec.newBuilder().setGpus(6));
        for (int gpu = 0; gpu < 8; gpu++) {
            facts.addGpus(Gpu.newBuilder().setUuid("GPU-" + gpu).setModel("NVIDIA H100"));
            if (gpu >= 2) {
                second.addGpus("GPU-" + gpu);
            }
        }
        state.put(Node.newBuilder().setName("node-1").setState(NodeState.READY).setFacts(facts).setCapacity(Resources.newBuilder().setCpuMillis(16_000).setMemoryBytes(64L << 30).setGpus(8)).build());
        for (String victim : List.of("first", "second")) {
            OperationState at = victim.equals("first") ? OperationState.SUCCEEDED : OperationState.OPEN;
            state.put(Operation.newBuilder().setId("o-" + victim).setKind(OperationKind.SUSPEND).setState(at).setJob("j-" + victim).setForJob("j-taker").setSourceNode("node-1").build());
        }
        state.put(second.build());
        state.put(Job.newBuilder().setId("j-first").setState(JobState.SUSPENDED).setQueue(JobQueue.newBuilder().setComesBack(true)).setSpec(TWO).build());
        state.put(Job.newBuilder().setId("j-parked").setState(JobState.PARKED).setNode("node-1").setSpec(TWO).build());
        RoomClaim claim = RoomClaim.newBuilder().setNode("node-1").setDecision("d-1").addOperations("o-first").addOperations("o-second").build();
        return state.put(Job.newBuilder().setId("j-taker").setState(JobState.PENDING).setSpec(JobSpec.newBuilder().setGpus(8).setCpuMillis(4000)).setQueue(JobQueue.newBuilder().setClaim(claim)).build());
    }

    private boolean goesAnywhereWhereItRuns(Node asked) {
        return store.transact(
                state -> {
                    state.put(asked);
                    JobSpec spec = JobSpec.newBuilder().setNode("asked").build();
                    state.put(Job.newBuilder().setId("j-back").setState(JobState.RUNNING).setNode("node-2").setSpec(spec).setQueue(JobQueue.newBuilder().setAnywhere(true).setAttempts(1)).build());
                    assertThat(Claims.settle(state)).isEmpty();
                    assertThat(state.job("j-back").orElseThrow().getQueue().getAttempts()).isZero();
                    return state.job("j-back").orElseThrow().getQueue().getAnywhere();
                });
    }

    /** As one that an operator restored of a machine that was gone: where it runs now may be gone next. */
    @Test
    void aJobThatRunsAgainIsBoundToItsNodeAgainWhenThatIsThere() {
        assertThat(goesAnywhereWhereItRuns(Node.newBuilder().setName("asked").setState(NodeState.READY).build())).isFalse();
        assertThat(goesAnywhereWhereItRuns(Node.newBuilder().setName("asked").setState(NodeState.DEAD).setProof(Proof.newBuilder().setKind(ProofKind.PROOF_CLOUD)).build())).isTrue();
    }

    @Test
    void whatIsKeptForItIsGivenToNobodyElse() {
        Resources taken = store.transact((Transaction state) -> Usage.of(state).of("node-1"));
        assertThat(taken.getGpus()).as("six of the victim that is there, two kept").isEqualTo(8);
        assertThat(taken.getCpuMillis()).as("one of the victim, one of the parked job, three kept beyond the victim's").isEqualTo(5000);
        Placement.Request resume = new Placement.Request(TWO, Optional.empty(), "", Set.of(), "");
        assertThatThrownBy(() -> store.transact((Transaction state) -> Placement.choose(state, resume))).isInstanceOf(FerryException.class).hasMessageContaining("0 of 8 free");
        PassNode read = store.transact((Transaction state) -> PassReader.read(state, SchedulingConfig.defaults())).getNodes(0);
        assertThat(read.getGpus()).isZero();
        assertThat(read.getCpuMillis()).isEqualTo(11_000);
    }

    @Test
    void aParkedJobDoesNotGetTheGpusThatAreKeptForIt() {
        assertThatThrownBy(() -> store.transact((Transaction state) -> GpuShares.choose(state, state.node("node-1").orElseThrow(), TWO, Optional.empty(), "", List.of())))
                .isInstanceOf(FerryException.class)
                .hasMessageContaining("0 free that are not kept");
    }

    /** Both would be kept and held: what the first victim left could be given to nobody then. */
    @Test
    void theRoomOfAVictimThatCouldNotBeSavedIsNotKeptOnceMore() {
        Resources taken =
                store.transact(
                        (Transaction state) -> {
                            state.put(state.operation("o-second").orElseThrow().toBuilder().setState(OperationState.FAILED_OPERATION).build());
                            state.put(state.job("j-second").orElseThrow().toBuilder().clearOperation().build());
                            return Usage.of(state).of("node-1");
                        });
        assertThat(taken.getGpus()).as("six of the victim that runs on, two kept until the claim is given up").isEqualTo(8);
        assertThat(taken.getCpuMillis()).isEqualTo(5000);
    }

    @Test
    void itStartsInThatRoomWhenTheLastVictimIsOut() {
        List<String> begun =
                store.transact(
                        (Transaction state) -> {
                            state.put(state.operation("o-second").orElseThrow().toBuilder().setState(OperationState.SUCCEEDED).build());
                            Job stored = state.put(state.job("j-second").orElseThrow().toBuilder().setState(JobState.SUSPENDED).clearGpus().clearOperation().build());
                            assertThat(stored.getOperation()).isEmpty();
                            return Claims.settle(state);
                        });
        Operation start = store.transact((Transaction state) -> state.operation(begun.getFirst()).orElseThrow());
        assertThat(begun).hasSize(1);
        assertThat(start.getKind()).isEqualTo(OperationKind.START);
        assertThat(start.getJob()).isEqualTo("j-taker");
        assertThat(start.getTargetNode()).isEqualTo("node-1");
        Job taker = store.transact((Transaction state) -> state.job("j-taker").orElseThrow());
        assertThat(taker.getQueue().hasClaim()).isFalse();
        assertThat(store.transact((Transaction state) -> Usage.of(state).of("node-1").getGpus())).as("it is counted once").isEqualTo(8);
    }
}
