package dev.ferry.coordinator.operations;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.Resources;
import dev.ferry.proto.v1.Step;
import dev.ferry.proto.v1.StepState;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where a place is looked for after nodes have refused a job. */
class ReserveTest {
    private static Outcome reserve(Transaction state, int refused) {
        Job job = Job.newBuilder().setId("j-1").setState(JobState.SUSPENDED).setSpec(JobSpec.newBuilder()).build();
        Operation.Builder operation = Operation.newBuilder().setId("op-1").setJob("j-1").setKind(OperationKind.RESUME);
        for (int node = 0; node < refused; node++) {
            ErrorDetail error = ErrorDetail.newBuilder().setCode(ErrorCode.MOUNT_REFUSED).build();
            operation.addSteps(Step.newBuilder().setName(StepName.CHECK.name()).setNode("node-" + node).setState(StepState.STEP_FAILED).setError(error));
        }
        return LocalSteps.reserve(state, operation, job);
    }

    @Test
    void whatManyNodesLackIsNotLookedForOnAllOthers(@TempDir Path folder) throws Exception {
        try (SqliteStateStore store = SqliteStateStore.open(folder)) {
            boolean ignored =
                    store.transact(
                            state -> {
                                for (int node = 0; node <= LocalSteps.MOST_CHECKS; node++) {
                                    state.put(Node.newBuilder().setName("node-" + node).setState(NodeState.READY).setCapacity(Resources.newBuilder().setCpuMillis(4000).setMemoryBytes(8L << 30)).build());
                                }
                                assertThat(reserve(state, LocalSteps.MOST_CHECKS - 1).succeeded()).isTrue();
                                Outcome last = reserve(state, LocalSteps.MOST_CHECKS);
                                assertThat(last.succeeded()).isFalse();
                                assertThat(last.error().orElseThrow().getCode()).isEqualTo(ErrorCode.MOUNT_REFUSED);
                                return true;
                            });
        }
    }
}
