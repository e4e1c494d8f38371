package dev.ferry.coordinator.scheduling;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.coordinator.store.RecordKind;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.GpuUse;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobQueue;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.JobVerdict;
import dev.ferry.proto.v1.Limits;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.PassInput;
import dev.ferry.proto.v1.PassNode;
import dev.ferry.proto.v1.PassWaiting;
import dev.ferry.proto.v1.Qos;
import dev.ferry.proto.v1.Requirements;
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

    /** Whoever was submitted first goes first. */
    private void waits(String id, int submitted, JobSpec.Builder spec) {
        waits(id, submitted, spec, JobQueue.newBuilder().setAccount("default"));
    }

    private void waits(String id, int submitted, JobSpec.Builder spec, JobQueue.Builder queue) {
        Job ignored = store.transact((Transaction state) -> state.put(Job.newBuilder().setId(id).setState(JobState.PENDING).setSubmittedAt(submitted).setSpec(spec).setQueue(queue).build()));
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

    private static NodeFacts gpus(int count, String model) {
        NodeFacts.Builder facts = NodeFacts.newBuilder().setGpuCanSave(true).setGpuCanMap(true);
        for (int at = 0; at < count; at++) {
            facts.addGpus(Gpu.newBuilder().setUuid(model + "-" + at).setModel(model).setMemoryBytes(80L << 30)).addGpuModels(model);
        }
        return facts.build();
    }

    private void stored(String id, int used) {
        Requirements.Builder needs = Requirements.newBuilder().setGpus(1).setGpuModel("H100").setWorkdir("/" + id).addGpuUses(GpuUse.newBuilder().setModel("H100").setUuid("of another node").setUsedBytes(1_000_000L * used));
        Job ignored =
                store.transact(
                        (Transaction state) -> {
                            state.put(Image.newBuilder().setId(id + ".1").setJob(id).setRequirements(needs).build());
                            return state.put(
                                    Job.newBuilder()
                                            .setId(id)
                                            .setState(JobState.SUSPENDED)
                                            .setLatestImage(id + ".1")
                                            .setSpec(JobSpec.newBuilder().setGpus(1))
                                            .setQueue(JobQueue.newBuilder().setAccount("default").setComesBack(true))
                                            .build());
                        });
    }

    @Test
    void jobsThatNoNodeSuitsTakeNoKind() {
        node("node-1", CAPACITY, NodeFacts.getDefaultInstance());
        for (int at = 0; at <= 2 * Labels.MOST; at++) {
            waits("j-no" + at, at, JobSpec.newBuilder().setGpus(1).setGpuModel("no" + at));
        }
        waits("j-z", 1000, JobSpec.newBuilder());
        assertThat(verdict("j-no99").getKind()).isEqualTo(JobVerdict.Kind.NO_ROOM);
        assertThat(verdict("j-z").getKind()).isEqualTo(JobVerdict.Kind.STARTS);
    }

    @Test
    void jobsThatTheSameNodesSuitAreOfOneKind() {
        node("node-1", CAPACITY.toBuilder().setGpus(1).build(), gpus(1, "H100"));
        for (int at = 0; at <= Labels.MOST; at++) {
            stored("j-" + at, at);
        }
        waits("j-z", 1000, JobSpec.newBuilder());
        assertThat(read().getWaitingList()).extracting(PassWaiting::getHeld).containsOnly("");
        assertThat(verdict("j-z").getKind()).as("there are CPUs for it").isEqualTo(JobVerdict.Kind.STARTS);
    }

    @Test
    void jobsThatAreHeldTakeNoKind() {
        Qos one = Qos.newBuilder().setName("one").setLimits(Limits.newBuilder().setMaxJobs(1)).build();
        boolean ignored =
                store.transact(
                        state -> {
                            state.put(RecordKind.of("qos", Qos.parser(), Qos::getName), one);
                            return true;
                        });
        for (int at = 0; at <= Labels.MOST; at++) {
            node("node-" + at, CAPACITY, NodeFacts.getDefaultInstance());
            waits("j-" + at, at, JobSpec.newBuilder().setNode("node-" + at), JobQueue.newBuilder().setAccount("default").setUser("u").setQos("one"));
        }
        waits("j-z", 1000, JobSpec.newBuilder());
        assertThat(read().getWaitingList()).filteredOn(job -> !job.getHeld().isEmpty()).hasSize(Labels.MOST).allMatch(job -> job.getHeld().startsWith("MaxJobs=1"));
        assertThat(verdict("j-z").getKind()).isEqualTo(JobVerdict.Kind.STARTS);
    }

    @Test
    void moreKindsThanALookKnowsAreSaid() {
        for (int at = 0; at <= Labels.MOST; at++) {
            node("node-" + at, CAPACITY, NodeFacts.getDefaultInstance());
            waits("j-" + at, at, JobSpec.newBuilder().setNode("node-" + at));
        }
        assertThat(read().getWaitingList()).extracting(PassWaiting::getHeld).filteredOn(held -> !held.isEmpty()).containsExactly("more than 62 kinds of jobs, by the nodes that suit them, wait before it");
    }

    /** Room is looked for by each job's own needs: the first of a kind speaks for none of the others. */
    @Test
    void aJobThatFewNodesAreLargeEnoughForDoesNotBindThoseOfItsKind() {
        node("large", CAPACITY, NodeFacts.getDefaultInstance());
        node("small", CAPACITY.toBuilder().setCpuMillis(2000).build(), NodeFacts.getDefaultInstance());
        waits("j-large", 1, JobSpec.newBuilder().setCpuMillis(8000));
        waits("j-small", 2, JobSpec.newBuilder().setCpuMillis(2000));
        assertThat(verdict("j-large").getNode()).isEqualTo("large");
        assertThat(verdict("j-small").getNode()).isEqualTo("small");
    }

    @Test
    void allOfAJobsGpusAreOfOneModel() {
        NodeFacts mixed = gpus(1, "A100").toBuilder().mergeFrom(gpus(1, "H100")).build();
        node("mixed", CAPACITY.toBuilder().setGpus(2).build(), mixed);
        node("node-2", CAPACITY.toBuilder().setGpus(4).build(), gpus(4, "H100"));
        waits("j-two", 1, JobSpec.newBuilder().setGpus(2));
        assertThat(verdict("j-two").getNode()).isEqualTo("node-2");
    }
}
