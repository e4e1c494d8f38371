package dev.ferry.coordinator.nodes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.Clock;
import dev.ferry.common.Scheduler;
import dev.ferry.coordinator.store.ForwardingStateStore;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Hello;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.ProofKind;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NodeDirectoryTest {
    private static final Duration TIMEOUT = Duration.ofSeconds(10);

    private static final LeaseTerms LEASE = new LeaseTerms(Duration.ofSeconds(20));

    @TempDir Path folder;
    private final HandDriven time = new HandDriven();
    private StateStore store;
    private NodeDirectory directory;

    @BeforeEach
    void open() throws Exception {
        store = SqliteStateStore.open(folder);
        directory = new NodeDirectory(store, new CommandDesk(), TIMEOUT, LEASE, time, time);
        directory.start();
        hello();
    }

    @AfterEach
    void close() {
        directory.close();
        store.close();
    }

    private void hello() {
        Object ignored = directory.hello(Hello.newBuilder().setNode("node-1").build(), "");
    }

    private NodeState state() {
        return store.transact(state -> state.node("node-1")).orElseThrow().getState();
    }

    @Test
    void aNodeIsDownWhenItWasSilentForLong() {
        directory.silent("node-1");
        time.pass(TIMEOUT);
        assertThat(state()).isEqualTo(NodeState.READY);
        time.pass(Duration.ofSeconds(2));
        assertThat(state()).isEqualTo(NodeState.DOWN);
    }

    /** Preempted, or on its way back there, when the cloud said that the machine was gone. */
    @Test
    void whatAskedForAMachineThatIsGoneGoesAnywhere() {
        List<Job> after =
                store.transact(
                        state -> {
                            for (JobState one : List.of(JobState.RUNNING, JobState.SUSPENDED, JobState.RESTORING, JobState.PENDING)) {
                                state.put(Job.newBuilder().setId("j-" + one).setState(one).setNode("node-1").setSpec(JobSpec.newBuilder().setNode("node-1")).build());
                            }
                            state.put(Job.newBuilder().setId("j-moved").setState(JobState.RUNNING).setNode("node-2").setSpec(JobSpec.newBuilder().setNode("node-1")).build());
                            state.put(Job.newBuilder().setId("j-free").setState(JobState.RUNNING).setNode("node-1").build());
                            Node ignored = LostNodes.dead(state, state.node("node-1").orElseThrow(), ProofKind.PROOF_CLOUD, "aws");
                            return state.liveJobs();
                        });
        assertThat(after).filteredOn(job -> job.getQueue().getAnywhere()).extracting(Job::getId).containsExactlyInAnyOrder("j-RUNNING", "j-SUSPENDED", "j-RESTORING", "j-moved");
    }

    /** Its stream comes to the desk a moment after its Hello is written: a look in between must not take it down, for nothing would bring it up again. */
    @Test
    void aLookBetweenAHelloAndItsStreamLeavesTheNodeUp() {
        directory.silent("node-1");
        time.pass(TIMEOUT.plusSeconds(2));
        hello();
        time.pass(Duration.ofSeconds(2));
        assertThat(state()).isEqualTo(NodeState.READY);
    }

    /** A transaction waits for its turn: its time begins when it is asked for, and the word of the store is as young as the question. */
    @Test
    void aHelloThatWaitedForItsTurnIsTheWordOfTheStoreAllTheSame() {
        StateStore busy =
                new ForwardingStateStore() {
                    @Override
                    public StateStore store() {
                        return store;
                    }

                    @Override
                    public boolean canBeDeposed() {
                        return true;
                    }

                    @Override
                    public <T> T transact(Function<Transaction, T> work) {
                        time.now += LEASE.leaderWord().toNanos() + 1;
                        return store.transact(work);
                    }
                };
        try (NodeDirectory waiting = new NodeDirectory(busy, new CommandDesk(), TIMEOUT, LEASE, time, time)) {
            Object ignored = waiting.hello(Hello.newBuilder().setNode("node-2").build(), "");
            assertThat(waiting.leases().mayAnswer()).isTrue();
        }
    }

    /** Time that stands still but for {@link #pass}; work is done when its time has come, one piece after the other. */
    private static final class HandDriven implements Clock, Scheduler {
        private static final Duration PIECE = Duration.ofMillis(100);

        private record Work(long at, Runnable what) {}

        private final Deque<Work> waiting = new ArrayDeque<>();
        private long now;

        void pass(Duration whole) {
            for (Duration passed = Duration.ZERO; passed.compareTo(whole) < 0; passed = passed.plus(PIECE)) {
                now += PIECE.toNanos();
                for (int left = waiting.size(); left > 0; left--) {
                    Work next = waiting.removeFirst();
                    if (next.at() <= now) {
                        next.what().run();
                    } else {
                        waiting.addLast(next);
                    }
                }
            }
        }

        @Override
        public long millis() {
            return now / 1_000_000;
        }

        @Override
        public long nanos() {
            return now;
        }

        @Override
        public void execute(Runnable work) {
            waiting.addLast(new Work(now, work));
        }

        @Override
        public Timer after(Duration delay, Runnable work) {
            Work later = new Work(now + delay.toNanos(), work);
            waiting.addLast(later);
            return () -> {
                boolean ignored = waiting.remove(later);
            };
        }
    }
}
