package dev.ferry.coordinator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import dev.ferry.common.Configs;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.BackupStateRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.ListJobsRequest;
import dev.ferry.proto.v1.ListTokensRequest;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Proof;
import dev.ferry.proto.v1.ProofKind;
import dev.ferry.proto.v1.Role;
import dev.ferry.proto.v1.Token;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What an administrator does with a coordinator's state as a whole. */
class StateTransferTest {
    private static final int BACKUPS = 10;

    @TempDir Path folder;

    private static CoordinatorConfig config(Path data) {
        return Configs.parse("data: " + data, "the test", CoordinatorConfig.defaults());
    }

    private static void backUp(CoordinatorScene scene, Path file) throws IOException {
        try (OutputStream to = Files.newOutputStream(file)) {
            var pieces = scene.access().backupState(BackupStateRequest.getDefaultInstance());
            while (pieces.hasNext()) {
                pieces.next().getContent().writeTo(to);
            }
        }
    }

    /** Each operation names a job that is there too, whenever the backup was taken. */
    @Test
    void aBackupIsOfOneMomentWhileJobsComeAndGo() throws Exception {
        AtomicBoolean over = new AtomicBoolean();
        try (CoordinatorScene scene = new CoordinatorScene(folder)) {
            scene.add("node-1");
            CompletableFuture<Void> submitting =
                    CompletableFuture.runAsync(
                            () -> {
                                while (!over.get()) {
                                    Job ignored = scene.run(JobSpec.newBuilder().setCpuMillis(1).setMemoryBytes(4 << 20));
                                }
                            });
            try {
                for (int number = 0; number < BACKUPS; number++) {
                    backUp(scene, folder.resolve("backup-" + number));
                }
            } finally {
                over.set(true);
            }
            submitting.join();
            assertThat(scene.stub().listJobs(ListJobsRequest.getDefaultInstance()).getJobsList()).isNotEmpty();
            try (var left = Files.newDirectoryStream(folder.resolve("data"), "backup*")) {
                assertThat(left).as("left behind").isEmpty();
            }
        }
        for (int number = 0; number < BACKUPS; number++) {
            Path data = folder.resolve("taken-" + number);
            Path backup = folder.resolve("backup-" + number);
            assertThatThrownBy(() -> StateTransfer.load(config(data), backup, false))
                    .as("its coordinator went on")
                    .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.WRONG_STATE));
            assertThat(StateTransfer.load(config(data), folder.resolve("backup-" + number), true)).isPositive();
            try (SqliteStateStore store = SqliteStateStore.open(data)) {
                List<String> jobs = store.<List<Job>>transact(Transaction::allJobs).stream().map(Job::getId).toList();
                assertThat(store.<List<String>>transact(state -> state.operations("", Integer.MAX_VALUE).stream().map(operation -> operation.getJob()).toList())).allMatch(jobs::contains);
            }
        }
    }

    @Test
    void aCoordinatorGoesOnWithTheStateThatWasMoved() throws Exception {
        Job job;
        Path file = folder.resolve("state");
        try (CoordinatorScene scene = new CoordinatorScene(folder)) {
            scene.add("node-1");
            job = scene.run(JobSpec.newBuilder().setName("moved"));
            assertThatThrownBy(() -> StateTransfer.export(config(folder.resolve("data")), file))
                    .as("a coordinator runs")
                    .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.WRONG_STATE));
        }
        long rows = StateTransfer.export(config(folder.resolve("data")), file);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file))).isEqualTo("rw-------");
        Path other = folder.resolve("other");
        assertThat(StateTransfer.load(config(other.resolve("data")), file, false)).isEqualTo(rows);
        Files.createDirectories(other.resolve("data/access"));
        Files.copy(folder.resolve("data/access/token"), other.resolve("data/access/token"));
        try (CoordinatorScene scene = new CoordinatorScene(other)) {
            assertThat(scene.stub().listJobs(ListJobsRequest.newBuilder().setAll(true).build()).getJobsList()).extracting(Job::getId).containsExactly(job.getId());
        }
    }

    /** The hash of the token that nobody has any more is in the state: no start makes another one. */
    @Test
    void whoTakesABackupWithoutTheTokenIsLetInAgain() throws Exception {
        Path backup = folder.resolve("backup");
        String lost;
        try (CoordinatorScene scene = new CoordinatorScene(folder)) {
            backUp(scene, backup);
            lost = scene.adminToken();
            assertThatThrownBy(() -> StateTransfer.resetAdministrator(config(folder.resolve("data"))))
                    .as("a coordinator runs")
                    .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.WRONG_STATE));
        }
        Path other = folder.resolve("other");
        assertThat(StateTransfer.load(config(other.resolve("data")), backup, true)).isPositive();
        Path file = StateTransfer.resetAdministrator(config(other.resolve("data")));
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file))).isEqualTo("rw-------");
        try (CoordinatorScene scene = new CoordinatorScene(other)) {
            assertThat(scene.adminToken()).isNotEqualTo(lost);
            assertThat(scene.access().listTokens(ListTokensRequest.getDefaultInstance()).getTokensList()).extracting(Token::getRole).containsExactly(Role.ROLE_ADMIN, Role.ROLE_ADMIN);
            assertThat(scene.stub(lost).listJobs(ListJobsRequest.getDefaultInstance()).getJobsList()).as("the old one is good until it is revoked").isEmpty();
        }
    }

    /** The node may be back since, with its jobs; who believed the record would restore them elsewhere from old images at once. */
    @Test
    void theEndOfALeaseInABackupProvesNothing() throws Exception {
        Path data = folder.resolve("data");
        ByteArrayOutputStream backup = new ByteArrayOutputStream();
        try (SqliteStateStore store = SqliteStateStore.open(data)) {
            boolean ignored =
                    store.transact(
                            state -> {
                                state.put(Node.newBuilder().setName("cut-off").setState(NodeState.DOWN).setLeaseMillis(20_000).setProof(Proof.newBuilder().setKind(ProofKind.PROOF_LEASE)).build());
                                state.put(Node.newBuilder().setName("gone").setState(NodeState.DEAD).setProof(Proof.newBuilder().setKind(ProofKind.PROOF_CLOUD)).build());
                                return true;
                            });
            StateTransfer.backUp(
                    store,
                    folder,
                    piece -> {
                        backup.writeBytes(piece);
                        return true;
                    });
        }
        Path past = Files.write(folder.resolve("past"), backup.toByteArray());
        Path present = folder.resolve("present");
        assertThat(StateTransfer.export(config(data), present)).isEqualTo(2);
        assertThat(StateTransfer.load(config(folder.resolve("of-past")), past, true)).isEqualTo(2);
        assertThat(StateTransfer.load(config(folder.resolve("of-present")), present, false)).isEqualTo(2);
        assertThat(nodes("of-past")).extracting(Node::getName, Node::getLeaseMillis, node -> node.getProof().getKind()).containsExactly(tuple("cut-off", 20_000L, ProofKind.PROOF_UNSPECIFIED), tuple("gone", 0L, ProofKind.PROOF_CLOUD));
        assertThat(nodes("of-present")).extracting(node -> node.getProof().getKind()).containsExactly(ProofKind.PROOF_LEASE, ProofKind.PROOF_CLOUD);
    }

    private List<Node> nodes(String data) throws Exception {
        try (SqliteStateStore store = SqliteStateStore.open(folder.resolve(data))) {
            return store.transact(Transaction::nodes);
        }
    }

    @Test
    void anEmptyDatabaseIsNoState() throws Exception {
        Path data = folder.resolve("data");
        SqliteStateStore.open(data).close();
        assertThatThrownBy(() -> StateTransfer.resetAdministrator(config(data))).isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.WRONG_STATE));
        assertThatThrownBy(() -> StateTransfer.export(config(data), folder.resolve("state"))).isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.WRONG_STATE));
        assertThat(folder.resolve("state")).doesNotExist();
        assertThat(data.resolve("access/token")).doesNotExist();
    }

    @Test
    void thereMustBeAState() {
        assertThatThrownBy(() -> StateTransfer.resetAdministrator(config(folder.resolve("nowhere"))))
                .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.WRONG_STATE));
        assertThatThrownBy(() -> StateTransfer.export(config(folder.resolve("nowhere")), folder.resolve("state")))
                .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.WRONG_STATE))
                .hasMessageContaining("nowhere");
        assertThat(folder.resolve("nowhere")).doesNotExist();
    }
}
