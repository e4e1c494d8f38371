package dev.ferry.coordinator.nodes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.coordinator.store.ForwardingStateStore;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Hello;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.LocalState;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReconcilerTest {
    private static final int JOBS = 30;

    @TempDir Path folder;

    private record Counting(StateStore store, AtomicInteger transactions) implements ForwardingStateStore {
        @Override
        public <T> T transact(Function<Transaction, T> work) {
            transactions.incrementAndGet();
            return store.transact(work);
        }
    }

    /** After a failover all nodes say Hello at once, and their leases run while they wait for each other. */
    @Test
    void aHelloIsTakenInInAsManyTransactionsHoweverManyJobsAreThere() throws Exception {
        AtomicInteger transactions = new AtomicInteger();
        Hello.Builder hello = Hello.newBuilder().setNode("node-1");
        try (StateStore store = new Counting(SqliteStateStore.open(folder), transactions)) {
            for (int at = 0; at < JOBS; at++) {
                Job job = Job.newBuilder().setId("j-" + at).setNode("node-1").setIncarnation(1).setState(JobState.UNREACHABLE).build();
                Job ignored = store.transact(state -> state.put(job));
                if (at > 0) {
                    hello.addJobs(JobReport.newBuilder().setJob(job.getId()).setIncarnation(1).setState(LocalState.LOCAL_RUNNING));
                }
            }
            transactions.set(0);
            new Reconciler(store, new CommandDesk()).hello(hello.build(), () -> true);
            assertThat(transactions).hasValue(2);
            List<Job> jobs = store.transact(Transaction::liveJobs);
            assertThat(jobs).filteredOn(job -> job.getState() == JobState.RUNNING).hasSize(JOBS - 1);
            assertThat(jobs).filteredOn(job -> job.getState() == JobState.LOST).extracting(Job::getId).containsExactly("j-0");
        }
    }

    /** Its migration had been committed, and its source's kill failed: the source's processes are of the life before. */
    @Test
    void processesOfAnEarlierLifeThatCouldNotBeKilledAreNoReceipt() throws Exception {
        try (StateStore store = SqliteStateStore.open(folder)) {
            Job ignored = store.transact(state -> state.put(Job.newBuilder().setId("j-1").setNode("node-1").setIncarnation(2).setState(JobState.UNREACHABLE).build()));
            Reconciler reconciler = new Reconciler(store, new CommandDesk());
            for (LocalState there : List.of(LocalState.LOCAL_FROZEN, LocalState.LOCAL_RUNNING, LocalState.LOCAL_PARKED, LocalState.LOCAL_CREATING)) {
                reconciler.hello(helloOf(there), () -> true);
                assertThat(state(store)).as("%s", there).isEqualTo(JobState.UNREACHABLE);
            }
            reconciler.hello(helloOf(LocalState.LOCAL_KILLED), () -> true);
            assertThat(state(store)).isEqualTo(JobState.LOST);
        }
    }

    private static JobState state(StateStore store) {
        Job job = store.transact(state -> state.job("j-1").orElseThrow());
        return job.getState();
    }

    private static Hello helloOf(LocalState there) {
        return Hello.newBuilder().setNode("node-1").addJobs(JobReport.newBuilder().setJob("j-1").setIncarnation(1).setState(there)).build();
    }
}
