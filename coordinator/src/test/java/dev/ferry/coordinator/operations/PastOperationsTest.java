package dev.ferry.coordinator.operations;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A job that is saved all the time: its old checkpoints are not remembered for ever. */
class PastOperationsTest {
    private static final Duration SECOND = Duration.ofSeconds(1);
    private static final int MORE = 3;

    @Test
    void eachOperationThatEndsLetsOldCheckpointsGoAndNothingElse(@TempDir Path folder) throws Exception {
        OperationMachine machine = new OperationMachine(new NodeSteps(new Deadlines(SECOND, SECOND, SECOND, SECOND)));
        try (SqliteStateStore store = SqliteStateStore.open(folder)) {
            Job job =
                    store.transact(
                            state -> {
                                state.put(Node.newBuilder().setName("node").setState(NodeState.READY).build());
                                for (int at = 1; at <= PastOperations.KEPT + MORE; at++) {
                                    put(state, "op-" + at, "saved", at == 2 ? OperationKind.MIGRATE : OperationKind.CHECKPOINT, at);
                                    put(state, "op-other-" + at, "other", OperationKind.CHECKPOINT, at);
                                }
                                return state.put(Job.newBuilder().setId("saved").setSpec(JobSpec.newBuilder()).setNode("node").setIncarnation(1).setState(JobState.RUNNING).build());
                            });
            String last =
                    store.transact(
                            state -> {
                                String id = Opening.open(state, job, OperationKind.CHECKPOINT, Operation.newBuilder().setSourceNode("node")).getId();
                                machine.apply(state, id, new Event.Look());
                                machine.apply(state, id, new Event.Silence(NodeSteps.commandId(id, StepName.DUMP, 1), SECOND));
                                return id;
                            });
            List<Operation> left = store.transact(state -> state.operations("saved", Integer.MAX_VALUE));
            assertThat(left.getFirst().getId()).isEqualTo(last);
            assertThat(left.getFirst().getState()).isEqualTo(OperationState.FAILED_OPERATION);
            assertThat(left).as("the newest, and the one that names where the job was").hasSize(PastOperations.KEPT + 1);
            assertThat(left.getLast().getId()).isEqualTo("op-2");
            List<Operation> others = store.transact(state -> state.operations("other", Integer.MAX_VALUE));
            assertThat(others).hasSize(PastOperations.KEPT + MORE);
        }
    }

    private static void put(Transaction state, String id, String job, OperationKind kind, long at) {
        Operation ignored = state.put(Operation.newBuilder().setId(id).setJob(job).setKind(kind).setState(OperationState.SUCCEEDED).setStartedAt(at).build());
    }
}
