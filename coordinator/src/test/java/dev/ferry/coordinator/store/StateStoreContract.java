package dev.ferry.coordinator.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.Proof;
import dev.ferry.proto.v1.StateHeader;
import dev.ferry.proto.v1.StateRow;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What every database behind a coordinator must do. */
abstract class StateStoreContract {
    StateStore store;

    abstract StateStore open() throws Exception;

    @BeforeEach
    void openStore() throws Exception {
        store = open();
    }

    @AfterEach
    void closeStore() {
        store.close();
    }

    private void reopen() throws Exception {
        store.close();
        store = open();
    }

    private <T> Optional<T> one(Function<Transaction, Optional<T>> read) {
        return store.transact(read);
    }

    private <T> List<T> list(Function<Transaction, List<T>> read) {
        return store.transact(read);
    }

    private static Job job(String id, JobState state, long submitted) {
        return Job.newBuilder().setId(id).setSpec(JobSpec.newBuilder().setName("name-" + id)).setState(state).setSubmittedAt(submitted).build();
    }

    private static Operation operation(String id, String job, OperationState state, long started) {
        return Operation.newBuilder().setId(id).setJob(job).setState(state).setStartedAt(started).build();
    }

    @Test
    void whatWasWrittenIsThereAfterAReopen() throws Exception {
        Job written = store.transact(state -> state.put(job("j-a", JobState.RUNNING, 1)));
        Operation operation = store.transact(state -> state.put(operation("op-a", "j-a", OperationState.OPEN, 1)));
        Image image = Image.newBuilder().setId("j-a.1").setJob("j-a").setSequence(1).build();
        Node node = Node.newBuilder().setName("node-1").setState(NodeState.READY).build();
        store.transact(
                state -> {
                    state.put(image);
                    state.put(node);
                    return true;
                });
        reopen();
        assertThat(one(state -> state.job("j-a"))).contains(written);
        assertThat(one(state -> state.operation("op-a"))).contains(operation);
        assertThat(one(state -> state.image("j-a.1"))).contains(image);
        assertThat(one(state -> state.node("node-1"))).contains(node);
        assertThat(one(state -> state.job("j-b"))).isEmpty();
    }

    @Test
    void eachWriteRaisesTheVersion() {
        Job first = store.transact(state -> state.put(job("j-a", JobState.PENDING, 1)));
        Job second = store.transact(state -> state.put(first.toBuilder().setState(JobState.RUNNING).build()));
        assertThat(second.getVersion()).isEqualTo(first.getVersion() + 1);
    }

    private static Job ended(String id, long at) {
        return job(id, JobState.EXITED, 1).toBuilder().setEndedAt(at).build();
    }

    private void write(Job... jobs) {
        store.transact(
                state -> {
                    for (Job job : jobs) {
                        Job ignored = state.put(job);
                    }
                    return true;
                });
    }

    private List<String> endedBefore(long time, String after, int atMost) {
        return list(state -> state.endedJobs(time, after, atMost)).stream().map(Job::getId).toList();
    }

    @Test
    void jobsThatEndedLongAgoAreFoundByTheirEndUnlessTheyHaveImages() {
        Job heardLate = ended("j-late", 20).toBuilder().setProof(Proof.newBuilder().setAt(90)).build();
        write(ended("j-c", 10), ended("j-a", 30), ended("j-b", 50), ended("j-image", 10), heardLate, job("j-lost", JobState.LOST, 1), job("j-suspended", JobState.SUSPENDED, 1), job("j-lives", JobState.RUNNING, 1));
        store.transact(
                state -> {
                    state.put(Image.newBuilder().setId("j-image.1").setJob("j-image").setSequence(1).build());
                    return true;
                });
        assertThat(endedBefore(50, "", 10)).containsExactly("j-a", "j-c");
        assertThat(endedBefore(51, "", 2)).containsExactly("j-a", "j-b");
        assertThat(endedBefore(51, "j-b", 2)).containsExactly("j-c");
        assertThat(endedBefore(91, "j-c", 10)).containsExactly("j-late");
        store.transact(
                state -> {
                    state.deleteImage("j-image.1");
                    return true;
                });
        // One that lives again is none that ended.
        write(job("j-a", JobState.RUNNING, 1));
        assertThat(endedBefore(50, "", 10)).containsExactly("j-c", "j-image");
    }

    @Test
    void aDeletedJobTakesItsOperationsAlongAndNoOthers() throws Exception {
        write(ended("j-a", 1), ended("j-b", 1));
        store.transact(
                state -> {
                    for (String id : new String[] {"op-1", "op-2", "op-3"}) {
                        Operation ignored = state.put(operation(id, id.equals("op-3") ? "j-b" : "j-a", OperationState.SUCCEEDED, 1));
                    }
                    return true;
                });
        List<String> told = new ArrayList<>();
        store.onChange(keys -> keys.forEach(told::add));
        store.transact(
                state -> {
                    state.deleteJob("j-a");
                    state.deleteJob("j-none");
                    return true;
                });
        assertThat(told).containsExactly("j-a");
        reopen();
        assertThat(list(Transaction::allJobs)).extracting(Job::getId).containsExactly("j-b");
        assertThat(list(state -> state.operations("", 10))).extracting(Operation::getId).containsExactly("op-3");
        assertThat(one(state -> state.job("j-a"))).isEmpty();
    }

    @Test
    void oldOperationsOfAJobAreFoundBehindItsNewestAndDeletedOneByOne() throws Exception {
        write(job("j-a", JobState.RUNNING, 1), job("j-b", JobState.RUNNING, 1));
        store.transact(
                state -> {
                    for (int at = 1; at <= 5; at++) {
                        Operation ignored = state.put(operation("op-" + at, "j-a", at == 1 ? OperationState.OPEN : OperationState.SUCCEEDED, at));
                    }
                    return state.put(operation("op-other", "j-b", OperationState.SUCCEEDED, 1));
                });
        assertThat(list(state -> state.operationsBefore("j-a", 2, 2))).extracting(Operation::getId).containsExactly("op-3", "op-2");
        assertThat(list(state -> state.operationsBefore("j-a", 5, 2))).isEmpty();
        store.transact(
                state -> {
                    state.deleteOperation("op-2");
                    // One that is open stays, and so does what nobody knows.
                    state.deleteOperation("op-1");
                    state.deleteOperation("op-none");
                    return true;
                });
        reopen();
        assertThat(list(state -> state.operations("", 10))).extracting(Operation::getId).containsExactlyInAnyOrder("op-1", "op-3", "op-4", "op-5", "op-other");
    }

    @Test
    void aDeletedNodeIsGone() throws Exception {
        store.transact(
                state -> {
                    state.put(Node.newBuilder().setName("node-1").build());
                    state.put(Node.newBuilder().setName("node-2").build());
                    return true;
                });
        store.transact(
                state -> {
                    state.deleteNode("node-1");
                    return true;
                });
        reopen();
        assertThat(list(Transaction::nodes)).extracting(Node::getName).containsExactly("node-2");
    }

    @Test
    void aTransactionThatFailsLeavesNothing() {
        assertThatThrownBy(
                        () ->
                                store.transact(
                                        state -> {
                                            Job ignored = state.put(job("j-a", JobState.PENDING, 1));
                                            throw new IllegalStateException("the test says so");
                                        }))
                .hasMessage("the test says so");
        assertThat(list(Transaction::allJobs)).isEmpty();
    }

    @Test
    void aTransactionSeesWhatItWrote() {
        store.transact(
                state -> {
                    Job ignored = state.put(job("j-a", JobState.PENDING, 1));
                    assertThat(state.job("j-a")).isPresent();
                    assertThat(state.liveJobs()).hasSize(1);
                    return true;
                });
    }

    /** All parts of a coordinator ask for them again and again. */
    @Test
    void whatLivesIsReadOnceAndIsWhatWasWrittenSince() {
        store.transact(
                state -> {
                    List<Job> all = List.of(job("j-b", JobState.RUNNING, 2), job("j-c", JobState.RUNNING, 3), job("j-e", JobState.RUNNING, 5));
                    all.forEach(state::put);
                    Operation first = state.put(operation("op-c", "j-c", OperationState.OPEN, 3));
                    return state.put(operation("op-e", "j-e", OperationState.OPEN, 5)).getVersion() + first.getVersion();
                });
        store.transact(
                state -> {
                    List<Job> read = state.liveJobs();
                    assertThat(state.liveJobs()).isSameAs(read);
                    assertThat(state.openOperations()).isSameAs(state.openOperations());
                    Job changed = state.put(read.get(1).toBuilder().setReason("changed").build());
                    assertThat(state.liveJobs()).containsExactly(read.get(0), changed, read.get(2));
                    Job ended = state.put(read.get(0).toBuilder().setState(JobState.EXITED).build());
                    Job newest = state.put(job("j-f", JobState.PENDING, 5));
                    assertThat(state.liveJobs()).containsExactly(changed, read.get(2), newest);
                    Job oldest = state.put(job("j-a", JobState.PENDING, 1));
                    Job back = state.put(ended.toBuilder().setState(JobState.LOST).build());
                    assertThat(state.liveJobs()).containsExactly(oldest, back, changed, read.get(2), newest);
                    Operation done = state.put(state.openOperations().getFirst().toBuilder().setState(OperationState.SUCCEEDED).build());
                    Operation begun = state.put(operation("op-f", "j-f", OperationState.OPEN, 6));
                    assertThat(state.openOperations()).extracting(Operation::getId).doesNotContain(done.getId()).containsExactly("op-e", begun.getId());
                    state.deleteJob("j-e");
                    assertThat(state.liveJobs()).containsExactly(oldest, back, changed, newest);
                    assertThat(state.openOperations()).containsExactly(begun);
                    return true;
                });
        List<Job> read = list(Transaction::liveJobs);
        assertThat(read).extracting(Job::getId).containsExactly("j-a", "j-b", "j-c", "j-f");
        assertThat(list(Transaction::liveJobs)).isSameAs(read);
    }

    @Test
    void nodesAreReadOnceAndAreWhatWasWrittenSince() {
        store.transact(
                state -> {
                    state.put(Node.newBuilder().setName("node-2").build());
                    return state.nodes();
                });
        List<Node> two = store.transact(
                state -> {
                    state.put(Node.newBuilder().setName("node-1").build());
                    state.put(Node.newBuilder().setName("node-2").setState(NodeState.READY).build());
                    return state.nodes();
                });
        assertThat(two).extracting(Node::getName).containsExactly("node-1", "node-2");
        assertThat(two.getLast().getState()).isEqualTo(NodeState.READY);
        assertThat(list(Transaction::nodes)).isSameAs(two);
        store.transact(
                state -> {
                    state.deleteNode("node-1");
                    return true;
                });
        assertThat(list(Transaction::nodes)).containsExactly(two.getLast());
    }

    /** What is kept must not be what a transaction wrote that was undone. */
    @Test
    void nothingOfATransactionThatFailsIsKept() {
        Job job = store.transact(state -> state.put(job("j-a", JobState.RUNNING, 1)));
        Operation operation = store.transact(state -> state.put(operation("op-a", "j-a", OperationState.OPEN, 1)));
        assertThat(list(Transaction::liveJobs)).containsExactly(job);
        assertThat(list(Transaction::openOperations)).containsExactly(operation);
        assertThat(list(Transaction::nodes)).isEmpty();
        assertThatThrownBy(
                        () ->
                                store.transact(
                                        state -> {
                                            Job ignored = state.put(job("j-b", JobState.RUNNING, 2));
                                            state.put(Node.newBuilder().setName("node-1").build());
                                            state.deleteJob("j-a");
                                            assertThat(state.liveJobs()).hasSize(1);
                                            assertThat(state.openOperations()).isEmpty();
                                            throw new IllegalStateException("the test says so");
                                        }))
                .hasMessage("the test says so");
        assertThat(list(Transaction::liveJobs)).containsExactly(job);
        assertThat(list(Transaction::openOperations)).containsExactly(operation);
        assertThat(list(Transaction::nodes)).isEmpty();
    }

    @Test
    void transactionsRunOneAfterTheOther() throws Exception {
        Job ignored = store.transact(state -> state.put(job("j-a", JobState.PENDING, 1)));
        int writers = 8;
        int rounds = 20;
        try (ExecutorService threads = Executors.newFixedThreadPool(writers)) {
            List<Future<?>> all =
                    IntStream.range(0, writers)
                            .<Future<?>>mapToObj(
                                    writer ->
                                            threads.submit(
                                                    () -> {
                                                        for (int round = 0; round < rounds; round++) {
                                                            Job raised = store.transact(state -> state.put(state.job("j-a").orElseThrow().toBuilder().setLastSequence(state.job("j-a").orElseThrow().getLastSequence() + 1).build()));
                                                            assertThat(raised.getLastSequence()).isPositive();
                                                        }
                                                    }))
                            .toList();
            for (Future<?> each : all) {
                each.get();
            }
        }
        assertThat(one(state -> state.job("j-a")).orElseThrow().getLastSequence()).isEqualTo((long) writers * rounds);
    }

    @Test
    void jobsAreFoundByStateAgeAndName() {
        store.transact(
                state -> {
                    List<Job> all = List.of(job("j-c", JobState.RUNNING, 3), job("j-b", JobState.EXITED, 2), job("j-a", JobState.SUSPENDED, 5), job("j-d", JobState.FAILED, 1));
                    all.forEach(state::put);
                    return all;
                });
        assertThat(list(Transaction::liveJobs)).extracting(Job::getId).containsExactly("j-c", "j-a");
        assertThat(list(Transaction::allJobs)).extracting(Job::getId).containsExactly("j-d", "j-b", "j-c", "j-a");
        assertThat(list(state -> state.jobsLike("name-j-b"))).extracting(Job::getId).containsExactly("j-b");
        assertThat(list(state -> state.jobsLike("j-"))).hasSize(4);
        assertThat(list(state -> state.jobsLike("%"))).isEmpty();
        assertThat(list(state -> state.jobsLike("j_"))).isEmpty();
    }

    @Test
    void operationsAreFoundByJobAndState() {
        store.transact(
                state -> {
                    List<Operation> all =
                            List.of(
                                    operation("op-1", "j-a", OperationState.SUCCEEDED, 1),
                                    operation("op-2", "j-a", OperationState.OPEN, 2),
                                    operation("op-3", "j-b", OperationState.OPEN, 3),
                                    operation("op-4", "j-a", OperationState.FAILED_OPERATION, 4));
                    all.forEach(state::put);
                    return all;
                });
        assertThat(list(Transaction::openOperations)).extracting(Operation::getId).containsExactly("op-2", "op-3");
        assertThat(list(state -> state.operations("j-a", 10))).extracting(Operation::getId).containsExactly("op-4", "op-2", "op-1");
        assertThat(list(state -> state.operations("", 2))).extracting(Operation::getId).containsExactly("op-4", "op-3");
        assertThat(list(state -> state.operationsLike("op-"))).hasSize(4);
    }

    @Test
    void imagesComeInTheOrderOfTheirSequence() {
        store.transact(
                state -> {
                    for (int sequence : List.of(10, 9, 2)) {
                        state.put(Image.newBuilder().setId("j-a." + sequence).setJob("j-a").setSequence(sequence).build());
                    }
                    state.put(Image.newBuilder().setId("j-b.1").setJob("j-b").setSequence(1).build());
                    return true;
                });
        assertThat(list(state -> state.images("j-a"))).extracting(Image::getSequence).containsExactly(2L, 9L, 10L);
        store.transact(
                state -> {
                    state.deleteImage("j-a.9");
                    return true;
                });
        assertThat(list(state -> state.images(""))).hasSize(3);
    }

    @Test
    void changesAreToldAfterTheyAreDurable() {
        List<String> told = new ArrayList<>();
        store.onChange(
                keys ->
                        keys.forEach(
                                key -> {
                                    // Not in the transaction any more: asking again is allowed here.
                                    boolean there = store.transact(state -> state.job(key).isPresent() || state.node(key).isPresent());
                                    assertThat(there).isTrue();
                                    told.add(key);
                                }));
        store.transact(
                state -> {
                    state.put(Node.newBuilder().setName("node-1").build());
                    return state.put(job("j-a", JobState.PENDING, 1));
                });
        assertThat(told).contains("j-a", "node-1");
    }

    private static final RecordKind<Operation> NOTES = new RecordKind<>("note", Operation.parser(), Operation::getId, Operation::getJob, Operation::getStartedAt);
    private static final RecordKind<Node> MARKS = RecordKind.of("mark", Node.parser(), Node::getName);

    private static Operation note(String id, String job, long at) {
        return operation(id, job, OperationState.OPEN, at);
    }

    private List<String> notes(RecordQuery wanted) {
        return list(state -> state.records(NOTES, wanted)).stream().map(Operation::getId).toList();
    }

    @Test
    void recordsOfAKindAreFoundByIdParentAndOrder() throws Exception {
        store.transact(
                state -> {
                    List.of(note("n-3", "j-a", 30), note("n-1", "j-a", 10), note("n-2", "j-b", 20), note("n-4", "j-a", 30)).forEach(each -> state.put(NOTES, each));
                    state.put(MARKS, Node.newBuilder().setName("n-1").build());
                    return true;
                });
        reopen();
        assertThat(one(state -> state.record(NOTES, "n-2"))).contains(note("n-2", "j-b", 20));
        assertThat(one(state -> state.record(MARKS, "n-2"))).isEmpty();
        assertThat(notes(RecordQuery.all())).containsExactly("n-1", "n-2", "n-3", "n-4");
        assertThat(notes(RecordQuery.of("j-a"))).containsExactly("n-1", "n-3", "n-4");
        assertThat(notes(RecordQuery.of("j-a").newestFirst().atMost(2))).containsExactly("n-4", "n-3");
        assertThat(notes(RecordQuery.all().from(20).before(30))).containsExactly("n-2");
        assertThat(list(state -> state.records(MARKS, RecordQuery.all()))).hasSize(1);
    }

    @Test
    void recordsAreReplacedAndDeleted() {
        List<String> told = new ArrayList<>();
        store.onChange(keys -> keys.forEach(told::add));
        store.transact(
                state -> {
                    state.put(NOTES, note("n-1", "j-a", 10));
                    state.put(NOTES, note("n-1", "j-b", 40));
                    state.put(NOTES, note("n-2", "j-b", 20));
                    return true;
                });
        assertThat(notes(RecordQuery.of("j-a"))).isEmpty();
        assertThat(notes(RecordQuery.of("j-b"))).containsExactly("n-2", "n-1");
        assertThat(store.<Integer>transact(state -> state.deleteBefore(NOTES, 40))).isEqualTo(1);
        store.transact(
                state -> {
                    state.delete(NOTES, "n-1");
                    state.delete(NOTES, "n-9");
                    return true;
                });
        assertThat(notes(RecordQuery.all())).isEmpty();
        assertThat(told).containsExactly("note/n-1", "note/n-2", "note/n-1");
    }

    @Test
    void aNameWithACharacterOfValueZeroIsRefused() {
        assertThatThrownBy(() -> list(state -> state.jobsLike("j\0"))).isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT));
    }

    @Test
    void aTransactionInATransactionIsABug() {
        assertThatThrownBy(() -> store.transact(outer -> store.transact(Transaction::nodes))).isInstanceOf(IllegalStateException.class);
        assertThat(list(Transaction::nodes)).isEmpty();
    }

    private static final RecordKind<Node> KIND = new RecordKind<>("test-kind", Node.parser(), Node::getName, node -> "its parent", node -> 7);

    private void fill() {
        store.transact(
                state -> {
                    Job first = state.put(job("j-a", JobState.RUNNING, 1));
                    Job ignored = state.put(first);
                    Operation open = state.put(operation("op-a", "j-a", OperationState.OPEN, 1));
                    state.put(Image.newBuilder().setId("j-a.1").setJob("j-a").setSequence(1).build());
                    state.put(Node.newBuilder().setName("node-1").setState(NodeState.READY).build());
                    state.put(KIND, Node.newBuilder().setName("record").build());
                    return open;
                });
    }

    private byte[] file() throws Exception {
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        assertThat(StateFile.write(store::export, StateHeader.getDefaultInstance(), file)).isEqualTo(5);
        return file.toByteArray();
    }

    private static StateFile.Source of(byte[] file) {
        return each -> {
            try {
                long ignored = StateFile.read(new ByteArrayInputStream(file), "the test's", each);
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            }
        };
    }

    private static List<StateRow> rows(StateStore of) {
        List<StateRow> rows = new ArrayList<>();
        of.export(rows::add);
        return rows;
    }

    /** With PostgreSQL each has a connection of its own, of which there are few: with three the term was not renewed, and the leader deposed. */
    @Test
    void oneExportIsWrittenAtATime() throws Exception {
        fill();
        try (ExecutorService other = Executors.newSingleThreadExecutor()) {
            boolean[] asked = new boolean[1];
            store.export(
                    row -> {
                        if (!asked[0]) {
                            asked[0] = true;
                            assertThatThrownBy(() -> other.submit(() -> rows(store)).get(10, TimeUnit.SECONDS))
                                    .cause()
                                    .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.WRONG_STATE))
                                    .hasMessageContaining("one at a time");
                        }
                    });
            assertThat(asked[0]).isTrue();
        }
        assertThatThrownBy(() -> store.export(row -> {
            throw new IllegalStateException("the disk is full");
        })).hasMessage("the disk is full");
        assertThat(rows(store)).as("whatever became of the one before").isNotEmpty();
    }

    @Test
    void aStateGoesToAnotherDatabaseAndBackAsItIs(@TempDir Path there) throws Exception {
        fill();
        try (SqliteStateStore other = SqliteStateStore.open(there)) {
            other.load(of(file()), false);
            assertThat(rows(other)).isEqualTo(rows(store));
            assertThat(other.<List<Node>>transact(state -> state.records(KIND, RecordQuery.of("its parent")))).hasSize(1);
            assertThat(other.<Long>transact(state -> state.job("j-a").orElseThrow().getVersion())).as("not raised").isEqualTo(2);
        }
    }

    @Test
    void aStateIsNotTakenInWhereThereIsOne() throws Exception {
        fill();
        byte[] file = file();
        assertThatThrownBy(() -> ((SqlStateStore) store).load(of(file), false)).isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.WRONG_STATE));
        assertThat(rows(store)).hasSize(5);
    }

    @Test
    void nothingIsTakenFromAFileThatWasCutOff(@TempDir Path there) throws Exception {
        fill();
        byte[] whole = file();
        try (SqliteStateStore other = SqliteStateStore.open(there)) {
            for (int length = 0; length < whole.length; length++) {
                byte[] cut = Arrays.copyOf(whole, length);
                assertThatThrownBy(() -> other.load(of(cut), false))
                        .as("%d of %d bytes", length, whole.length)
                        .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT));
            }
            assertThat(rows(other)).isEmpty();
        }
    }

    /** A few bits of gzip are no content. */
    @Test
    void aDamagedFileIsRefusedOrSaysTheSame() throws Exception {
        fill();
        byte[] whole = file();
        int refused = 0;
        for (int at = 0; at < whole.length; at++) {
            byte[] damaged = whole.clone();
            damaged[at] ^= 0x5a;
            List<StateRow> rows = new ArrayList<>();
            try {
                of(damaged).forEach(rows::add);
                assertThat(rows).as("damaged at %d", at).isEqualTo(rows(store));
            } catch (FerryException known) {
                assertThat(known.code()).isIn(ErrorCode.INVALID_ARGUMENT, ErrorCode.FORMAT_UNKNOWN);
                refused++;
            }
        }
        assertThat(refused).isGreaterThan(whole.length * 9 / 10);
    }

    /** All threads of a coordinator would come to hang behind one that does, and nobody would know where. */
    @Test
    void whoWaitsBehindATransactionThatHangsIsToldWhichOneItIs() throws Exception {
        ((SqlStateStore) store).waitAtMost(Duration.ofMillis(200));
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        Thread hanging =
                Thread.ofVirtual()
                        .name("one that hangs")
                        .start(
                                () ->
                                        store.transact(
                                                state -> {
                                                    begun.countDown();
                                                    return awaited(end);
                                                }));
        begun.await();
        assertThatThrownBy(() -> store.transact(state -> true))
                .isInstanceOfSatisfying(
                        FerryException.class,
                        told -> {
                            assertThat(told.code()).isEqualTo(ErrorCode.DATABASE_UNREACHABLE);
                            assertThat(told).hasMessageContaining("'one that hangs'");
                            assertThat(told.detail().getEvidenceList()).anyMatch(frame -> frame.contains("CountDownLatch"));
                        });
        end.countDown();
        hanging.join();
        assertThat(store.<Boolean>transact(state -> true)).isTrue();
    }

    private static boolean awaited(CountDownLatch end) {
        try {
            end.await();
            return true;
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }

    @Test
    void anInterruptIsForWhatComesAfterATransaction() {
        Thread.currentThread().interrupt();
        try {
            assertThat(store.<Boolean>transact(state -> true)).isTrue();
        } finally {
            assertThat(Thread.interrupted()).isTrue();
        }
    }
}
