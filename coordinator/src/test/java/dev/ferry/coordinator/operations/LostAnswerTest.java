package dev.ferry.coordinator.operations;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.FerryException;
import dev.ferry.common.SystemScheduler;
import dev.ferry.coordinator.nodes.CommandDesk;
import dev.ferry.coordinator.store.Changes;
import dev.ferry.coordinator.store.ForwardingStateStore;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
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
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A database may write what ends an operation and fail before it says so. */
class LostAnswerTest {
    private static final Duration SOON = Duration.ofMillis(20);

    /** Fails once, after the commit of the transaction that ended the operation. */
    private record Forgetful(StateStore store, String operation, AtomicBoolean failed) implements ForwardingStateStore {
        @Override
        public <T> T transact(Function<Transaction, T> work) {
            T done = store.transact(work);
            boolean ended = store.transact(state -> state.operation(operation)).filter(one -> one.getState() != OperationState.OPEN).isPresent();
            if (ended && failed.compareAndSet(false, true)) {
                throw new FerryException(ErrorCode.INTERNAL, "the answer of the database was lost");
            }
            return done;
        }
    }

    /**
     * What nodes said of the job while the operation was open is asked again at its end. If nobody hears of the end, a stale copy is left
     * frozen on its node for ever. Found by seed 14038 of the simulation.
     */
    @Test
    void anEndThatWasWrittenIsToldThoughItsAnswerWasLost(@TempDir Path folder) throws Exception {
        BlockingQueue<Operation> ends = new LinkedBlockingQueue<>();
        try (SqliteStateStore database = SqliteStateStore.open(folder);
                SystemScheduler scheduler = new SystemScheduler("test")) {
            String id =
                    database.transact(
                            state -> {
                                state.put(Node.newBuilder().setName("node").setState(NodeState.READY).build());
                                Job parked = state.put(Job.newBuilder().setId("job").setSpec(JobSpec.newBuilder()).setNode("node").setIncarnation(1).setState(JobState.PARKED).build());
                                return Opening.open(state, parked, OperationKind.UNPARK, Operation.newBuilder().setSourceNode("node").setTargetNode("node")).getId();
                            });
            Forgetful store = new Forgetful(database, id, new AtomicBoolean());
            try (OperationEngine engine = new OperationEngine(store, new CommandDesk(), new Changes(), new Deadlines(SOON, SOON, SOON, SOON), scheduler)) {
                engine.onEnd(ends::add);
                engine.drive(id);
                Operation ended = ends.poll(60, TimeUnit.SECONDS);
                assertThat(ended).isNotNull();
                assertThat(ended.getId()).isEqualTo(id);
                assertThat(store.failed()).isTrue();
            }
        }
        assertThat(ends).isEmpty();
    }
}
