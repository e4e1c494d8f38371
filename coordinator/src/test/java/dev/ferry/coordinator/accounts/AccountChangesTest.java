package dev.ferry.coordinator.accounts;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.scheduling.AccountsApi;
import dev.ferry.coordinator.scheduling.SchedulingConfig;
import dev.ferry.proto.v1.Accounting;
import dev.ferry.proto.v1.AccountingChange;
import dev.ferry.proto.v1.AccountingChange.How;
import dev.ferry.proto.v1.Association;
import dev.ferry.proto.v1.ChangeAccountingRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobQueue;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Limits;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Partition;
import dev.ferry.proto.v1.Qos;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What may be made of accounts, and what is refused. */
class AccountChangesTest {
    @TempDir Path folder;
    private StateStore store;

    @BeforeEach
    void open() throws Exception {
        store = SqliteStateStore.open(folder);
    }

    @AfterEach
    void close() {
        store.close();
    }

    private AccountBook change(AccountingChange... changes) {
        return store.transact(state -> AccountChanges.apply(state, List.of(changes)));
    }

    private ErrorCode refusal(AccountingChange... changes) {
        AccountBook before = store.transact(AccountBook::read);
        try {
            AccountBook ignored = change(changes);
        } catch (FerryException refused) {
            // All or nothing.
            assertThat(store.transact(AccountBook::read).message()).isEqualTo(before.message());
            return refused.code();
        }
        throw new AssertionError("it was not refused");
    }

    private static AccountingChange account(How how, String name, String parent, int shares) {
        return AccountingChange.newBuilder().setHow(how).setAssociation(Association.newBuilder().setAccount(name).setParent(parent).setShares(shares)).build();
    }

    private static AccountingChange user(How how, String account, String user) {
        return AccountingChange.newBuilder().setHow(how).setAssociation(Association.newBuilder().setAccount(account).setUser(user)).build();
    }

    private static AccountingChange qos(How how, Qos.Builder qos) {
        return AccountingChange.newBuilder().setHow(how).setQos(qos).build();
    }

    @Test
    void aTreeIsMadeAndReadAgain() {
        change(account(How.ADD, "physics", "", 30), account(How.ADD, "optics", "physics", -1), user(How.ADD, "optics", "alice"));
        AccountBook book = store.transact(AccountBook::read);
        assertThat(book.tree().find("optics", "alice")).isPresent();
        assertThat(book.path("optics", "alice").stream().map(AccountKinds::name)).containsExactly("optics/alice", "optics", "physics", "root");
        assertThat(book.associations().stream().map(Association::getId)).containsExactly(1L, 2L, 3L, 4L, 5L);
    }

    @Test
    void modifyChangesWhatItNamesAndNothingElse() {
        Limits limits = Limits.newBuilder().setGrpTres("cpu=4").setMaxJobs(2).build();
        change(account(How.ADD, "physics", "", 30));
        change(AccountingChange.newBuilder().setHow(How.MODIFY).setAssociation(Association.newBuilder().setAccount("physics").setLimits(limits)).build());
        change(AccountingChange.newBuilder().setHow(How.MODIFY).setAssociation(Association.newBuilder().setAccount("physics").setLimits(Limits.newBuilder().setMaxJobs(-1))).build());
        Association after = store.transact(AccountBook::read).association("physics", "").orElseThrow();
        assertThat(after.getShares()).isEqualTo(30);
        assertThat(after.getLimits().getGrpTres()).isEqualTo("cpu=4");
        assertThat(after.getLimits().getMaxJobs()).isEqualTo(-1);
    }

    private static AccountingChange partition(How how, Partition.Builder partition, String... clear) {
        return AccountingChange.newBuilder().setHow(how).setPartition(partition).addAllClear(List.of(clear)).build();
    }

    @Test
    void aListIsClearedByItsName() {
        change(partition(How.ADD, Partition.newBuilder().setName("debug").addNodes("node-1").setPriority(3)), qos(How.ADD, Qos.newBuilder().setName("high").addPreempts("normal")));
        AccountBook after =
                change(partition(How.MODIFY, Partition.newBuilder().setName("debug"), "nodes"), AccountingChange.newBuilder().setHow(How.MODIFY).setQos(Qos.newBuilder().setName("high")).addClear("preempts").build());
        assertThat(after.partition("debug").getNodesList()).isEmpty();
        assertThat(after.partition("debug").getPriority()).isEqualTo(3);
        assertThat(after.qos("high").getPreemptsList()).isEmpty();
        assertThat(store.transact(AccountBook::read).message()).isEqualTo(after.message());
        for (String wrong : List.of("priority", "nothing")) {
            assertThat(refusal(partition(How.MODIFY, Partition.newBuilder().setName("debug"), wrong))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
        }
    }

    /** It may join later, and its name may be a typing error. */
    @Test
    void aNodeThatIsNotThereIsSaid() {
        store.transact(
                state -> {
                    state.put(Node.newBuilder().setName("node-1").build());
                    return true;
                });
        AccountingChange change = partition(How.ADD, Partition.newBuilder().setName("debug").addNodes("node-1").addNodes("nod-2"));
        Accounting after = new AccountsApi(store, SchedulingConfig.defaults()).change(ChangeAccountingRequest.newBuilder().addChanges(change).build());
        assertThat(after.getWarningsList()).singleElement().asString().contains("'debug'", "'nod-2'");
        assertThat(store.transact(AccountBook::read).partition("debug").getNodesList()).containsExactly("node-1", "nod-2");
    }

    @Test
    void whatWouldBeNoTreeIsRefused() {
        change(account(How.ADD, "one", "", 1), account(How.ADD, "two", "one", 1));
        assertThat(refusal(account(How.MODIFY, "one", "two", 1))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
        assertThat(refusal(account(How.ADD, "three", "nowhere", 1))).isEqualTo(ErrorCode.ACCOUNT_NOT_FOUND);
        assertThat(refusal(account(How.ADD, "four", "", 1), user(How.ADD, "nowhere", "bob"))).isEqualTo(ErrorCode.ACCOUNT_NOT_FOUND);
        assertThat(refusal(account(How.ADD, "one", "", 1))).isEqualTo(ErrorCode.ACCOUNTING_EXISTS);
        assertThat(refusal(account(How.MODIFY, "five", "", 1))).isEqualTo(ErrorCode.ACCOUNT_NOT_FOUND);
        assertThat(refusal(account(How.ADD, "no/name", "", 1))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
        assertThat(refusal(account(How.REMOVE, "root", "", 1))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
    }

    @Test
    void whatIsUsedIsNotRemoved() {
        change(account(How.ADD, "physics", "", 30), user(How.ADD, "physics", "alice"));
        assertThat(refusal(account(How.REMOVE, "physics", "", 1))).isEqualTo(ErrorCode.ACCOUNTING_IN_USE);
        JobQueue queue = JobQueue.newBuilder().setAccount("physics").setUser("alice").setQos("normal").build();
        store.transact(state -> state.put(Job.newBuilder().setId("j-one").setSpec(JobSpec.newBuilder().setName("one")).setState(JobState.PENDING).setQueue(queue).build()));
        assertThat(refusal(user(How.REMOVE, "physics", "alice"))).isEqualTo(ErrorCode.ACCOUNTING_IN_USE);
        store.transact(state -> state.put(state.job("j-one").orElseThrow().toBuilder().setState(JobState.EXITED).build()));
        assertThat(change(user(How.REMOVE, "physics", "alice"), account(How.REMOVE, "physics", "", 1)).associations()).hasSize(2);
    }

    @Test
    void noQosPreemptsItself() {
        change(qos(How.ADD, Qos.newBuilder().setName("low")), qos(How.ADD, Qos.newBuilder().setName("high").addPreempts("low")));
        assertThat(refusal(qos(How.MODIFY, Qos.newBuilder().setName("low").addPreempts("high")))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
        assertThat(refusal(qos(How.REMOVE, Qos.newBuilder().setName("low")))).isEqualTo(ErrorCode.QOS_NOT_FOUND);
        assertThat(refusal(qos(How.ADD, Qos.newBuilder().setName("odd").setLimits(Limits.newBuilder().setGrpTres("cpu")))))
                .isEqualTo(ErrorCode.INVALID_ARGUMENT);
    }

    @Test
    void jobsFindTheirAccountOrAreRefused() {
        change(account(How.ADD, "physics", "", 30), user(How.ADD, "physics", "alice"));
        JobQueue free = store.transact(state -> Admission.admit(state, JobSpec.getDefaultInstance()));
        assertThat(free.getAccount() + "/" + free.getUser() + "/" + free.getQos() + "/" + free.getPartition()).isEqualTo("default/root/normal/default");
        assertThat(store.transact(AccountBook::read).association("default", "root")).isPresent();
        assertThat(store.transact(state -> Admission.admit(state, JobSpec.newBuilder().setUserName("alice").build())).getAccount()).isEqualTo("physics");
        for (JobSpec.Builder wrong : List.of(JobSpec.newBuilder().setAccount("physics").setUserName("bob"), JobSpec.newBuilder().setAccount("nowhere"))) {
            assertThat(org.assertj.core.api.Assertions.catchThrowableOfType(FerryException.class, () -> store.transact(state -> Admission.admit(state, wrong.build()))).code()).isEqualTo(ErrorCode.ACCOUNT_NOT_FOUND);
        }
    }

    @Test
    void billsAreNeitherBelowZeroNorEndless() {
        for (String weights : List.of("CPU=-1", "CPU=1,Mem=" + "9".repeat(400))) {
            assertThat(refusal(AccountingChange.newBuilder().setHow(How.ADD).setPartition(Partition.newBuilder().setName("p").setBillingWeights(weights)).build())).isEqualTo(ErrorCode.INVALID_ARGUMENT);
        }
        for (double factor : new double[] {-1, Double.NaN, Double.POSITIVE_INFINITY}) {
            assertThat(refusal(qos(How.ADD, Qos.newBuilder().setName("odd").setUsageFactor(factor)))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
        }
    }

    @Test
    void aLimitOfWhatNoJobHoldsIsRefused() {
        change(account(How.ADD, "physics", "", 30));
        for (String limit : List.of("billing=100", "cpu=4,gpu=8", "gres/gpu:=1")) {
            assertThat(refusal(qos(How.ADD, Qos.newBuilder().setName("odd").setLimits(Limits.newBuilder().setGrpTres(limit))))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
            Association.Builder limited = Association.newBuilder().setAccount("physics").setLimits(Limits.newBuilder().setMaxTresPerJob(limit));
            assertThat(refusal(AccountingChange.newBuilder().setHow(How.MODIFY).setAssociation(limited).build())).isEqualTo(ErrorCode.INVALID_ARGUMENT);
        }
        change(qos(How.ADD, Qos.newBuilder().setName("well").setLimits(Limits.newBuilder().setGrpTres("CPU=1,mem=1G,node=2,gres/gpu=1,gres/gpu:h100=1"))));
    }

    @Test
    void aLimitThatWasTakenBeforeIsNotInTheWayOfAnotherChange() {
        store.transact(
                state -> {
                    state.put(AccountKinds.QOS, Qos.newBuilder().setName("old").setLimits(Limits.newBuilder().setGrpTres("billing=100")).build());
                    return true;
                });
        assertThat(change(qos(How.MODIFY, Qos.newBuilder().setName("old").setPriority(7))).qos("old").getPriority()).isEqualTo(7);
    }
}
