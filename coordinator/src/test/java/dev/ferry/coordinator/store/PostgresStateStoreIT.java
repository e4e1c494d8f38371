package dev.ferry.coordinator.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The contract on a real PostgreSQL server, and what only several coordinators need. */
class PostgresStateStoreIT extends StateStoreContract {
    private static final Duration TERM = Duration.ofSeconds(30);
    private static final Job JOB = Job.newBuilder().setId("j-1").setState(JobState.RUNNING).build();

    private static PostgresServer server;

    private PostgresDatabase database;
    private String url;

    @BeforeAll
    static void startServer() throws Exception {
        server = PostgresServer.start();
    }

    @AfterAll
    static void stopServer() throws Exception {
        server.close();
    }

    @Override
    StateStore open() throws Exception {
        if (database == null) {
            url = server.newDatabase();
            database = PostgresDatabase.open(url, server.user(), "");
        }
        return new PostgresStateStore(database, leader().current().map(LeaderRow.Leader::epoch).orElse(0L));
    }

    @AfterEach
    void closeDatabase() {
        database.close();
    }

    private LeaderRow leader() {
        return new LeaderRow(database);
    }

    private long lead(String name) {
        return leader().take(name, name + ":1", TERM).orElseThrow();
    }

    /** Else nodes are answered for longer than the next leader waits (docs/leases.md). */
    @Test
    void anotherOneMayLeadWithoutThisOnesKnowledge() {
        assertThat(store.canBeDeposed()).isTrue();
    }

    @Test
    void oneLeadsUntilItsTermIsOver() {
        long first = lead("a");
        assertThat(leader().take("b", "b:1", TERM)).isEmpty();
        assertThat(leader().current()).hasValueSatisfying(
                now -> {
                    assertThat(now.address()).isEqualTo("a:1");
                    assertThat(now.left()).isBetween(Duration.ofSeconds(20), TERM);
                });
        assertThat(leader().renew(first, TERM)).isTrue();
        leader().resign(first);
        assertThat(leader().take("b", "b:1", TERM)).contains(first + 1);
        assertThat(leader().renew(first, TERM)).as("a deposed leader can't lengthen its term").isFalse();
    }

    @Test
    void nothingThatADeposedLeaderWritesTakesEffect() {
        long first = lead("a");
        StateStore old = new PostgresStateStore(database, first);
        old.transact(state -> state.put(JOB));
        leader().resign(first);
        long second = lead("b");
        assertThatThrownBy(() -> old.transact(state -> state.put(JOB.toBuilder().setState(JobState.LOST).build())))
                .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.NOT_LEADER));
        Optional<Job> now = new PostgresStateStore(database, second).transact(state -> state.job("j-1"));
        assertThat(now.orElseThrow().getState()).isEqualTo(JobState.RUNNING);
    }

    /** Found by the model (docs/model.md): a deposed leader took its reads for the word that it leads, and went on answering nodes. */
    @Test
    void aDeposedLeaderReadsButIsToldWhenItAsks() {
        long first = lead("a");
        StateStore old = new PostgresStateStore(database, first);
        old.transact(
                state -> {
                    state.requireLeader();
                    return state.put(JOB);
                });
        leader().resign(first);
        assertThat(lead("b")).isGreaterThan(first);
        assertThat(old.<Optional<Job>>transact(state -> state.job("j-1"))).isPresent();
        assertThatThrownBy(
                        () ->
                                old.transact(
                                        state -> {
                                            state.requireLeader();
                                            return state.job("j-1");
                                        }))
                .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.NOT_LEADER));
    }

    @Test
    void nobodyTakesOverInTheMiddleOfAWrite() throws Exception {
        long first = lead("a");
        StateStore old = new PostgresStateStore(database, first);
        CountDownLatch written = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        leader().resign(first);
        CompletableFuture<Job> write =
                CompletableFuture.supplyAsync(
                        () ->
                                old.transact(
                                        state -> {
                                            Job put = state.put(JOB);
                                            written.countDown();
                                            await(go);
                                            return put;
                                        }));
        await(written);
        CompletableFuture<Optional<Long>> take = CompletableFuture.supplyAsync(() -> leader().take("b", "b:1", TERM));
        assertThat(take.completeOnTimeout(Optional.of(-1L), 300, TimeUnit.MILLISECONDS).get()).as("it waits for the write").contains(-1L);
        go.countDown();
        assertThat(write.get(10, TimeUnit.SECONDS).getVersion()).isEqualTo(1);
    }

    /** A transaction that takes longer than the term does not cost the leader its epoch. */
    @Test
    void theTermIsLengthenedInTheMiddleOfAWrite() throws Exception {
        long first = lead("a");
        StateStore leading = new PostgresStateStore(database, first);
        List<Boolean> renewed =
                leading.transact(
                        state -> {
                            Job ignored = state.put(JOB);
                            return List.of(inTime(() -> leader().renew(first, TERM)), inTime(() -> leader().renew(first, TERM)));
                        });
        assertThat(renewed).containsExactly(true, true);
    }

    /** What changes no key of the leader's row goes past the write, and takes nothing of its share. */
    @Test
    void nobodyTakesOverInTheMiddleOfAWriteAlsoAfterTheRowHasChanged() throws Exception {
        long first = lead("a");
        StateStore old = new PostgresStateStore(database, first);
        CompletableFuture<Optional<Long>> take =
                old.transact(
                        state -> {
                            Job ignored = state.put(JOB);
                            boolean resigned =
                                    inTime(
                                            () -> {
                                                leader().resign(first);
                                                return true;
                                            });
                            assertThat(resigned).isTrue();
                            CompletableFuture<Optional<Long>> other = CompletableFuture.supplyAsync(() -> leader().take("b", "b:1", TERM));
                            assertThat(other.copy().completeOnTimeout(Optional.of(-1L), 300, TimeUnit.MILLISECONDS).join()).as("it waits for the write").contains(-1L);
                            return other;
                        });
        assertThat(take.get(10, TimeUnit.SECONDS)).contains(first + 1);
    }

    /** False: it waits for the transaction. */
    private static boolean inTime(Supplier<Boolean> work) {
        return CompletableFuture.supplyAsync(work).completeOnTimeout(false, 2, TimeUnit.SECONDS).join();
    }

    /** SIGSTOP of a leader between its write and its commit: the server itself ends the transaction, and the next one leads. */
    @Test
    void aLeaderThatStandsStillInAWriteIsThrownOut() throws Exception {
        long first = lead("a");
        StateStore old = new PostgresStateStore(database, first);
        leader().resign(first);
        CountDownLatch written = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        CompletableFuture<Job> write =
                CompletableFuture.supplyAsync(
                        () ->
                                old.transact(
                                        state -> {
                                            Job put = state.put(JOB);
                                            written.countDown();
                                            await(go);
                                            return put;
                                        }));
        await(written);
        assertThat(leader().take("b", "b:1", TERM)).contains(first + 1);
        go.countDown();
        assertThatThrownBy(() -> write.get(10, TimeUnit.SECONDS)).hasCauseInstanceOf(FerryException.class);
        Optional<Job> now = new PostgresStateStore(database, first + 1).transact(state -> state.job("j-1"));
        assertThat(now).as("what was not committed").isEmpty();
        // For all that the old one knows its commit may come yet: it keeps nothing that it reads.
        StateStore next = new PostgresStateStore(database, first + 1);
        Job put = next.transact(state -> state.put(JOB));
        assertThat(old.<List<Job>>transact(Transaction::liveJobs)).containsExactly(put);
        Job again = next.transact(state -> state.put(put));
        assertThat(old.<List<Job>>transact(Transaction::liveJobs)).containsExactly(again);
    }

    @Test
    void aNewerSchemaIsNotTouched() throws Exception {
        try (Connection connection = DriverManager.getConnection(url, server.user(), "");
                var statement = connection.createStatement()) {
            statement.execute(
                    "INSERT INTO flyway_schema_history (installed_rank, version, description, type, script, installed_by, execution_time, success) VALUES (99, '99', 'later', 'SQL', 'V99__later.sql', 'x', 0, true)");
        }
        assertThatThrownBy(() -> PostgresDatabase.open(url, server.user(), ""))
                .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.FORMAT_UNKNOWN));
    }

    @Test
    void aServerThatIsNotThereIsNamed() {
        assertThatThrownBy(() -> PostgresDatabase.open("jdbc:postgresql://127.0.0.1:1/ferry", "ferry", ""))
                .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.DATABASE_UNREACHABLE))
                .hasMessageContaining("127.0.0.1:1/ferry");
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }
}
