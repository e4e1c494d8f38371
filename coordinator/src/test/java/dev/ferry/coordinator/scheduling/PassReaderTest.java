package dev.ferry.coordinator.scheduling;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.PassInput;
import dev.ferry.proto.v1.PassNode;
import dev.ferry.proto.v1.Resources;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is read of nodes. */
class PassReaderTest {
    @TempDir private Path folder;

    /** Were it nothing, one victim would seem to be enough, and the next one would go when the start has failed. */
    @Test
    void onANodeThatCameBackWithLessThanItsJobsHoldLessThanNothingIsFree() throws Exception {
        try (StateStore store = SqliteStateStore.open(folder)) {
            PassInput read = store.transact(PassReaderTest::overfull);
            PassNode node = read.getNodes(0);
            assertThat(node.getCpuMillis()).isEqualTo(-16_000);
            assertThat(node.getMemory()).isEqualTo(-1024);
            assertThat(node.getGpus()).isEqualTo(-2);
            assertThat(PassDecider.decide(read).getVerdictsList()).isEmpty();
        }
    }

    private static PassInput overfull(Transaction state) {
        state.put(Node.newBuilder().setName("node-1").setState(NodeState.READY).setCapacity(Resources.newBuilder().setCpuMillis(16_000).setMemoryBytes(3L << 30).setGpus(2)).build());
        for (int at = 0; at < 4; at++) {
            Job job = state.put(Job.newBuilder().setId("j-" + at).setState(JobState.RUNNING).setNode("node-1").setSpec(JobSpec.newBuilder().setCpuMillis(8000).setGpus(1)).build());
            assertThat(job.getNode()).isEqualTo("node-1");
        }
        return PassReader.read(state, SchedulingConfig.defaults());
    }
}
