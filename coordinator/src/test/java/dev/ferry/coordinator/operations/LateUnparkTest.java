package dev.ferry.coordinator.operations;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.Resources;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A daemon that does not answer UNPARK in time may bring the job back yet: then it runs on the GPUs of that order. */
class LateUnparkTest {
    private static final Duration SECOND = Duration.ofSeconds(1);

    @Test
    void aJobWhoseUnparkWasNotAnsweredIsOnTheGpusOfThatOrder(@TempDir Path folder) throws Exception {
        OperationMachine machine = new OperationMachine(new NodeSteps(new Deadlines(SECOND, SECOND, SECOND, SECOND)));
        try (SqliteStateStore store = SqliteStateStore.open(folder)) {
            Operation ended =
                    store.transact(
                            state -> {
                                state.put(Node.newBuilder().setName("node").setState(NodeState.READY).setCapacity(Resources.newBuilder().setGpus(2)).setFacts(NodeFacts.newBuilder().addGpus(gpu("taken")).addGpus(gpu("free"))).build());
                                Job.Builder job = Job.newBuilder().setSpec(JobSpec.newBuilder().setGpus(1)).setNode("node").setIncarnation(1).addGpus("taken");
                                state.put(job.setId("other").setState(JobState.RUNNING).build());
                                Job parked = state.put(job.setId("late").setState(JobState.PARKED).build());
                                String id = Opening.open(state, parked, OperationKind.UNPARK, Operation.newBuilder().setSourceNode("node").setTargetNode("node")).getId();
                                machine.apply(state, id, new Event.Look());
                                machine.apply(state, id, new Event.Look());
                                machine.apply(state, id, new Event.Silence(NodeSteps.commandId(id, StepName.UNPARK, 1), SECOND));
                                return state.operation(id).orElseThrow();
                            });
            Job late = store.transact(state -> state.job("late").orElseThrow());
            assertThat(ended.getState()).isEqualTo(OperationState.FAILED_OPERATION);
            assertThat(late.getState()).isEqualTo(JobState.PARKED);
            assertThat(late.getGpusList()).containsExactly("free");
        }
    }

    private static Gpu gpu(String uuid) {
        return Gpu.newBuilder().setUuid(uuid).setModel("any").build();
    }
}
