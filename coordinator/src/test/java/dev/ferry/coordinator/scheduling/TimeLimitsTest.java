package dev.ferry.coordinator.scheduling;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.coordinator.store.RecordKind;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobQueue;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.JobUse;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TimeLimitsTest {
    /** As the metering keeps it. */
    private static final RecordKind<JobUse> USE = new RecordKind<>("job-use", JobUse.parser(), JobUse::getJob, use -> "open", use -> 0);

    @TempDir Path folder;

    private static Job preempted(String id, long limit) {
        return Job.newBuilder()
                .setId(id)
                .setSpec(JobSpec.newBuilder().setTimeLimitSeconds(limit))
                .setState(JobState.SUSPENDED)
                .setReason("preempted")
                .setQueue(JobQueue.newBuilder().setComesBack(true).setCause("preemption"))
                .build();
    }

    /** Its image would be restored, and dumped again at once. */
    @Test
    void whoWasPreemptedAndHasNoTimeLeftDoesNotComeBack() throws Exception {
        try (StateStore store = SqliteStateStore.open(folder)) {
            var unused =
                    store.transact(
                            state -> {
                                state.put(preempted("j-usedup", 60));
                                state.put(USE, JobUse.newBuilder().setJob("j-usedup").setRunningSeconds(60).build());
                                state.put(preempted("j-hastime", 61));
                                state.put(USE, JobUse.newBuilder().setJob("j-hastime").setRunningSeconds(60).build());
                                return state.put(preempted("j-nolimit", 0));
                            });
            boolean looked =
                    store.transact(
                            state -> {
                                assertThat(TimeLimits.leaveTheQueue(state)).isEmpty();
                                return TimeLimits.end(state).operations().isEmpty();
                            });
            assertThat(looked).isTrue();
            Job over = store.transact(state -> state.job("j-usedup")).orElseThrow();
            assertThat(over.getQueue().getComesBack()).isFalse();
            assertThat(over.getState()).isEqualTo(JobState.SUSPENDED);
            assertThat(over.getReason()).isEqualTo("its time limit of 1m 0s is reached");
            assertThat(store.transact(state -> state.job("j-hastime")).orElseThrow().getQueue().getComesBack()).isTrue();
            assertThat(store.transact(state -> state.job("j-nolimit")).orElseThrow().getQueue().getComesBack()).isTrue();
        }
    }

    /** It would hold memory of its node for good. */
    @Test
    void whoIsParkedAndHasNoTimeLeftIsStored() throws Exception {
        try (StateStore store = SqliteStateStore.open(folder)) {
            List<Operation> begun =
                    store.transact(
                            state -> {
                                state.put(preempted("j-parked", 60).toBuilder().setState(JobState.PARKED).setNode("node-1").build());
                                state.put(USE, JobUse.newBuilder().setJob("j-parked").setRunningSeconds(60).build());
                                state.put(preempted("j-byhand", 60).toBuilder().setState(JobState.PARKED).setNode("node-1").clearQueue().build());
                                state.put(USE, JobUse.newBuilder().setJob("j-byhand").setRunningSeconds(60).build());
                                return TimeLimits.leaveTheQueue(state).stream().map(id -> state.operation(id).orElseThrow()).toList();
                            });
            assertThat(begun).singleElement().satisfies(operation -> {
                assertThat(operation.getKind()).isEqualTo(OperationKind.SUSPEND);
                assertThat(operation.getJob()).isEqualTo("j-parked");
                assertThat(operation.getCause()).isEqualTo("its time limit of 1m 0s is reached");
            });
            // Its suspension has failed: it is tried again, but not at once.
            boolean again =
                    store.transact(
                            state -> {
                                Job parked = state.job("j-parked").orElseThrow();
                                state.put(state.operation(parked.getOperation()).orElseThrow().toBuilder().setState(OperationState.FAILED_OPERATION).build());
                                Job failed = state.put(parked.toBuilder().clearOperation().build());
                                assertThat(TimeLimits.leaveTheQueue(state)).isEmpty();
                                state.put(failed.toBuilder().setQueue(failed.getQueue().toBuilder().setNotBefore(state.now())).build());
                                return TimeLimits.leaveTheQueue(state).size() == 1;
                            });
            assertThat(again).isTrue();
        }
    }
}
