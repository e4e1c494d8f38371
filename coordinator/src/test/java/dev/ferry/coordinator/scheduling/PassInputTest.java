package dev.ferry.coordinator.scheduling;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobQueue;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.JobVerdict;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.PassInput;
import dev.ferry.proto.v1.PassNode;
import dev.ferry.proto.v1.Resources;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a look at the queue is decided from, and that it is decided whatever the records say. */
class PassInputTest {
    private static final Resources CAPACITY = Resources.newBuilder().setCpuMillis(8000).setMemoryBytes(64L << 30).build();

    @TempDir private Path folder;
    private StateStore store;

    @BeforeEach
    void open() throws Exception {
        store = SqliteStateStore.open(folder);
    }

    @AfterEach
    void close() throws Exception {
        store.close();
    }

    private void node(String name, Resources capacity, NodeFacts facts) {
        boolean ignored =
                store.transact(
                        state -> {
                            state.put(Node.newBuilder().setName(name).setState(NodeState.READY).setCapacity(capacity).setFacts(facts).build());
                            return true;
                        });
    }

    private void waits(String id, int priority, JobSpec.Builder spec) {
        Job ignored = store.transact((Transaction state) -> state.put(Job.newBuilder().setId(id).setState(JobState.PENDING).setSubmittedAt(priority).setSpec(spec).setQueue(JobQueue.newBuilder().setAccount("default")).build()));
    }

    private PassInput read() {
        return store.transact((Transaction state) -> PassReader.read(state, SchedulingConfig.defaults()));
    }

    private JobVerdict verdict(String job) {
        return PassDecider.decide(read()).getVerdictsList().stream().filter(one -> one.getJob().equals(job)).findFirst().orElseThrow();
    }

    /** Records from before it was looked at; and of GPUs a daemon says also later what they are. */
    @Test
    void aNodeThatNoMachineCanBeIsLeftOut() {
        node("node-1", CAPACITY, NodeFacts.getDefaultInstance());
        node("gpus", CAPACITY.toBuilder().setGpus(2000).build(), NodeFacts.getDefaultInstance());
        node("below", CAPACITY.toBuilder().setCpuMillis(-100_000).build(), NodeFacts.getDefaultInstance());
        node("endless", CAPACITY.toBuilder().setCpuMillis(Long.MAX_VALUE).build(), NodeFacts.getDefaultInstance());
        waits("j-one", 1, JobSpec.newBuilder());
        assertThat(read().getNodesList()).extracting(PassNode::getName).containsExactly("node-1");
        assertThat(verdict("j-one").getKind()).isEqualTo(JobVerdict.Kind.STARTS);
    }
}
