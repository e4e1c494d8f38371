package dev.ferry.coordinator.scheduling;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobQueue;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.PreemptionRecord;
import dev.ferry.proto.v1.RebalancePlan;
import dev.ferry.proto.v1.RebalanceRequest;
import dev.ferry.proto.v1.Resources;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two nodes of four CPUs: a job of one CPU on the first, one of three on the second, and one that waits for four. */
class RebalancerTest {
    private static final SchedulingConfig CONFIG = SchedulingTexts.with("preemption: false\nminimumRun: 0s\n");
    private static final List<String> RUNNING = List.of("j-small", "j-large");

    @TempDir Path folder;

    private static Job job(String id, int cpus, JobState state, String node) {
        JobQueue queue = JobQueue.newBuilder().setAccount("default").setUser("root").setQos("normal").setPartition("default").build();
        return Job.newBuilder().setId(id).setState(state).setNode(node).setIncarnation(1).setSpec(JobSpec.newBuilder().setCpuMillis(1000L * cpus)).setQueue(queue).setSubmittedAt(1).build();
    }

    private static List<RebalancePlan.Gain> gainsAfterMoves(StateStore store, long millisAgo) {
        boolean ignored =
                store.transact(
                        state -> {
                            RUNNING.forEach(job -> state.put(DecisionKinds.MOVE, PreemptionRecord.newBuilder().setOperation("op-" + job).setJob(job).setAt(state.now() - millisAgo).build()));
                            return true;
                        });
        return new Rebalancer(store, CONFIG, (job, to, cause) -> Operation.getDefaultInstance()).rebalance(RebalanceRequest.newBuilder().setDryRun(true).build()).getGainsList();
    }

    @Test
    void aJobThatWasMovedIsLeftAloneForAsLongAsTheSpacingSays() throws Exception {
        long spacing = CONFIG.preemptionPolicy().spacing() * 1000;
        try (StateStore store = SqliteStateStore.open(folder)) {
            boolean ignored =
                    store.transact(
                            state -> {
                                for (String name : List.of("node-1", "node-2")) {
                                    NodeFacts facts = NodeFacts.newBuilder().setArchitecture("amd64").setKernel("6.18").setCriuVersion("4.2.1").build();
                                    state.put(Node.newBuilder().setName(name).setState(NodeState.READY).setFacts(facts).setCapacity(Resources.newBuilder().setCpuMillis(4000).setMemoryBytes(8L << 30)).build());
                                }
                                state.put(job("j-small", 1, JobState.RUNNING, "node-1"));
                                state.put(job("j-large", 3, JobState.RUNNING, "node-2"));
                                state.put(job("j-waits", 4, JobState.PENDING, ""));
                                return true;
                            });
            assertThat(gainsAfterMoves(store, spacing - 60_000)).isEmpty();
            assertThat(gainsAfterMoves(store, spacing + 60_000)).extracting(RebalancePlan.Gain::getJob).containsExactly("j-waits");
        }
    }
}
