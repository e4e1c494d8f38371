package dev.ferry.coordinator;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.Clock;
import dev.ferry.common.Scheduler;
import dev.ferry.coordinator.api.NodeLoss;
import dev.ferry.coordinator.api.Verbs;
import dev.ferry.coordinator.evacuation.EvacuationRecords;
import dev.ferry.coordinator.evacuation.Evacuations;
import dev.ferry.coordinator.nodes.CommandDesk;
import dev.ferry.coordinator.nodes.LeaseTerms;
import dev.ferry.coordinator.nodes.NodeDirectory;
import dev.ferry.coordinator.operations.Deadlines;
import dev.ferry.coordinator.operations.OperationEngine;
import dev.ferry.coordinator.store.Changes;
import dev.ferry.coordinator.store.ForwardingStateStore;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Evacuation;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Proof;
import dev.ferry.proto.v1.ProofKind;
import dev.ferry.proto.v1.Resources;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What looks again and again reads what may be new to it, and not all there is each time. */
class LooksTest {
    private static final Duration MINUTE = Duration.ofMinutes(1);
    private static final CoordinatorConfig CONFIG = CoordinatorConfig.defaults();

    @TempDir Path folder;
    private Reads store;
    private final CommandDesk desk = new CommandDesk();
    private final ByHand scheduler = new ByHand();
    private Verbs verbs;

    /** Notes what is read. */
    private record Reads(StateStore store, List<String> reads) implements ForwardingStateStore {
        @Override
        public <T> T transact(Function<Transaction, T> work) {
            return store.transact(state -> work.apply(noting(state)));
        }

        private Transaction noting(Transaction state) {
            return (Transaction)
                    Proxy.newProxyInstance(
                            Transaction.class.getClassLoader(),
                            new Class<?>[] {Transaction.class},
                            (proxy, method, arguments) -> {
                                if (method.getName().equals("image")) {
                                    reads.add("image " + arguments[0]);
                                } else if (method.getName().equals("record") && arguments[0] == EvacuationRecords.KIND) {
                                    reads.add("evacuation " + arguments[1]);
                                }
                                try {
                                    return method.invoke(state, arguments);
                                } catch (InvocationTargetException failed) {
                                    throw failed.getCause();
                                }
                            });
        }
    }

    /** Time passes when the test says so. */
    private static final class ByHand implements Scheduler, Clock {
        private final List<Piece> pieces = new ArrayList<>();
        private long now;

        private record Piece(long at, Runnable work) {}

        @Override
        public void execute(Runnable work) {
            pieces.add(new Piece(now, work));
        }

        @Override
        public Timer after(Duration delay, Runnable work) {
            Piece piece = new Piece(now + delay.toNanos(), work);
            pieces.add(piece);
            return () -> {
                boolean ignored = pieces.remove(piece);
            };
        }

        @Override
        public long nanos() {
            return now;
        }

        @Override
        public long millis() {
            return SYSTEM.millis();
        }

        void pass(Duration time) {
            long end = now + time.toNanos();
            while (true) {
                Piece next = pieces.stream().filter(piece -> piece.at() <= end).min(Comparator.comparingLong(Piece::at)).orElse(null);
                if (next == null) {
                    now = end;
                    return;
                }
                boolean ignored = pieces.remove(next);
                now = Math.max(now, next.at());
                next.work().run();
            }
        }
    }

    @BeforeEach
    void open() throws Exception {
        store = new Reads(SqliteStateStore.open(folder), new ArrayList<>());
        verbs = new Verbs(store, new OperationEngine(store, desk, new Changes(), new Deadlines(MINUTE, MINUTE, MINUTE, MINUTE), scheduler));
    }

    @AfterEach
    void close() {
        store.close();
    }

    private long readsIn(Duration time, String what) {
        store.reads().clear();
        scheduler.pass(time);
        return store.reads().stream().filter(what::equals).count();
    }

    /** A job on a node of its own that does not answer. */
    private void unreachable(String job, Node.Builder node) {
        store.transact(
                state -> {
                    state.put(node.build());
                    state.put(Image.newBuilder().setId(job + ".1").setJob(job).build());
                    return state.put(Job.newBuilder().setId(job).setNode(node.getName()).setIncarnation(1).setLatestImage(job + ".1").setState(JobState.UNREACHABLE).build());
                });
    }

    @Test
    void roomForALostJobIsNotLookedForAtEachLook() {
        unreachable("j-1", Node.newBuilder().setName("node-1").setState(NodeState.DOWN).setProof(Proof.newBuilder().setKind(ProofKind.PROOF_LEASE)));
        new NodeLoss(store, verbs, scheduler, scheduler).start();
        assertThat(readsIn(Duration.ofMillis(600), "image j-1.1")).as("at once").isEqualTo(1);
        assertThat(readsIn(Duration.ofSeconds(30), "image j-1.1")).as("but not each half second").isBetween(5L, 12L);
        store.transact(
                state -> {
                    state.put(Node.newBuilder().setName("node-2").setState(NodeState.READY).setCapacity(Resources.newBuilder().setCpuMillis(8000).setMemoryBytes(1L << 40)).build());
                    return true;
                });
        scheduler.pass(Duration.ofSeconds(5));
        assertThat(store.<Job>transact(state -> state.job("j-1").orElseThrow()).getOperation()).as("there is room now").isNotEmpty();
    }

    @Test
    void onlyEvacuationsThatSomethingIsNewToAreLookedAt() {
        unreachable("j-1", Node.newBuilder().setName("node-1").setState(NodeState.READY));
        unreachable("j-2", Node.newBuilder().setName("node-2").setState(NodeState.READY));
        NodeDirectory directory = new NodeDirectory(store, desk, MINUTE, new LeaseTerms(MINUTE), scheduler, scheduler);
        Evacuations evacuations = new Evacuations(store, verbs, directory, desk, CONFIG.evacuation(), scheduler, scheduler);
        Evacuation one = evacuations.evacuate("node-1", MINUTE, "", "the test");
        Evacuation two = evacuations.evacuate("node-2", MINUTE, "", "the test");
        // A moment after a tick nothing is left to be looked at.
        scheduler.pass(Duration.ofMillis(3200));
        assertThat(readsIn(Duration.ofMillis(50), "evacuation " + two.getId())).isZero();
        Job ignored = store.transact(state -> state.put(state.job("j-1").orElseThrow().toBuilder().setReason("news").build()));
        long ofTwo = readsIn(Duration.ofMillis(100), "evacuation " + two.getId());
        long ofOne = store.reads().stream().filter(("evacuation " + one.getId())::equals).count();
        // Each is read once to know which are open.
        assertThat(List.of(ofOne, ofTwo)).containsExactly(2L, 1L);
        assertThat(readsIn(Duration.ofMillis(1100), "evacuation " + two.getId())).as("at a tick").isGreaterThan(1);
    }
}
