package dev.ferry.coordinator.scheduling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.coordinator.CoordinatorScene;
import dev.ferry.coordinator.FakeNode;
import dev.ferry.proto.v1.AccountingChange;
import dev.ferry.proto.v1.AccountsGrpc;
import dev.ferry.proto.v1.Association;
import dev.ferry.proto.v1.ChangeAccountingRequest;
import dev.ferry.proto.v1.Command.ActionCase;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Limits;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.Partition;
import dev.ferry.proto.v1.Qos;
import dev.ferry.proto.v1.ResumeJobRequest;
import dev.ferry.proto.v1.Role;
import dev.ferry.proto.v1.RunJobRequest;
import dev.ferry.proto.v1.SuspendJobRequest;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What users do with their jobs past the queue keeps within the limits and partitions that the queue keeps. */
class PastTheQueueTest {
    @TempDir Path folder;
    private CoordinatorScene scene;
    private FerryGrpc.FerryBlockingStub ada;
    private final List<FakeNode> nodes = new ArrayList<>();

    @BeforeEach
    void open() throws Exception {
        scene = new CoordinatorScene(folder);
        nodes.add(scene.add("node-1"));
        nodes.add(scene.add("node-2"));
        ada = scene.stub(scene.token(Role.ROLE_USER, "ada"));
    }

    @AfterEach
    void close() {
        scene.close();
    }

    private void change(AccountingChange.Builder change) {
        var ignored = scene.ask(AccountsGrpc::newBlockingStub).changeAccounting(ChangeAccountingRequest.newBuilder().addChanges(change).build());
    }

    private Job run(JobSpec.Builder spec) {
        return scene.awaitState(ada.runJob(RunJobRequest.newBuilder().setSpec(spec.addCommand("/bin/true")).build()).getId(), JobState.RUNNING);
    }

    @Test
    void aUserBringsNoMoreJobsBackThanHisLimitAllows() {
        Job first = run(JobSpec.newBuilder());
        change(
                AccountingChange.newBuilder()
                        .setHow(AccountingChange.How.MODIFY)
                        .setAssociation(Association.newBuilder().setAccount("default").setUser("ada").setLimits(Limits.newBuilder().setMaxJobs(1))));
        Operation suspended = scene.awaitEnd(ada.suspendJob(SuspendJobRequest.newBuilder().setJob(first.getId()).build()));
        assertThat(suspended.getState()).isEqualTo(OperationState.SUCCEEDED);
        Job second = run(JobSpec.newBuilder());
        assertThat(second.getState()).isEqualTo(JobState.RUNNING);
        ResumeJobRequest resume = ResumeJobRequest.newBuilder().setJob(first.getId()).build();
        assertThat(CoordinatorScene.refusal(() -> ada.resumeJob(resume))).isEqualTo(ErrorCode.NO_CAPACITY);
        Operation byAnOperator = scene.awaitEnd(scene.stub().resumeJob(resume));
        assertThat(byAnOperator.getState()).isEqualTo(OperationState.SUCCEEDED);
    }

    @Test
    void whatIsOnItsWayBackCounts() {
        Job first = run(JobSpec.newBuilder());
        Job second = run(JobSpec.newBuilder());
        for (Job job : List.of(first, second)) {
            assertThat(scene.awaitEnd(ada.suspendJob(SuspendJobRequest.newBuilder().setJob(job.getId()).build())).getState()).isEqualTo(OperationState.SUCCEEDED);
        }
        change(
                AccountingChange.newBuilder()
                        .setHow(AccountingChange.How.MODIFY)
                        .setAssociation(Association.newBuilder().setAccount("default").setUser("ada").setLimits(Limits.newBuilder().setMaxJobs(1))));
        for (FakeNode node : nodes) {
            node.answer(ActionCase.CHECK, command -> Optional.empty());
        }
        Operation begun = ada.resumeJob(ResumeJobRequest.newBuilder().setJob(first.getId()).build());
        assertThat(begun.getState()).isEqualTo(OperationState.OPEN);
        assertThat(CoordinatorScene.refusal(() -> ada.resumeJob(ResumeJobRequest.newBuilder().setJob(second.getId()).build()))).isEqualTo(ErrorCode.NO_CAPACITY);
    }

    /** Its nodes may join later. */
    @Test
    void aPartitionWithoutNodesIsWaitedFor() {
        change(AccountingChange.newBuilder().setHow(AccountingChange.How.ADD).setPartition(Partition.newBuilder().setName("later").addNodes("node-9")));
        Job waits = ada.runJob(RunJobRequest.newBuilder().setSpec(JobSpec.newBuilder().addCommand("/bin/true").setPartition("later")).build());
        assertThat(waits.getState()).isEqualTo(JobState.PENDING);
        nodes.add(scene.add("node-9"));
        assertThat(scene.awaitState(waits.getId(), JobState.RUNNING).getNode()).isEqualTo("node-9");
    }

    @Test
    void aQosThatIsKeptForAccountsIsNotForOthers() {
        change(AccountingChange.newBuilder().setHow(AccountingChange.How.ADD).setAssociation(Association.newBuilder().setAccount("ops")));
        change(AccountingChange.newBuilder().setHow(AccountingChange.How.ADD).setAssociation(Association.newBuilder().setAccount("night").setParent("ops")));
        change(AccountingChange.newBuilder().setHow(AccountingChange.How.ADD).setAssociation(Association.newBuilder().setAccount("night").setUser("ada")));
        change(AccountingChange.newBuilder().setHow(AccountingChange.How.ADD).setQos(Qos.newBuilder().setName("urgent").addPreempts("normal").addAccounts("ops")));
        JobSpec urgent = JobSpec.newBuilder().addCommand("/bin/true").setQos("urgent").setAccount("default").build();
        assertThat(CoordinatorScene.refusal(() -> ada.runJob(RunJobRequest.newBuilder().setSpec(urgent).build()))).isEqualTo(ErrorCode.FORBIDDEN);
        assertThat(run(JobSpec.newBuilder().setQos("urgent").setAccount("night")).getQueue().getQos()).isEqualTo("urgent");
        AccountingChange unknown = AccountingChange.newBuilder().setHow(AccountingChange.How.ADD).setQos(Qos.newBuilder().setName("x").addAccounts("nobody")).build();
        assertThat(CoordinatorScene.refusal(() -> change(unknown.toBuilder()))).isEqualTo(ErrorCode.ACCOUNT_NOT_FOUND);
    }

    @Test
    void aJobStaysInItsPartition() {
        change(AccountingChange.newBuilder().setHow(AccountingChange.How.ADD).setPartition(Partition.newBuilder().setName("small").addNodes("node-1")));
        Job job = run(JobSpec.newBuilder().setPartition("small"));
        assertThat(job.getNode()).isEqualTo("node-1");
        Operation anywhere = scene.awaitEnd(scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build()));
        assertThat(anywhere.getState()).isEqualTo(OperationState.FAILED_OPERATION);
        assertThat(anywhere.getError().getMessage()).contains("node-2: it is not in the job's partition");
        MigrateJobRequest out = MigrateJobRequest.newBuilder().setJob(job.getId()).setTo("node-2").build();
        assertThat(CoordinatorScene.refusal(() -> ada.migrateJob(out))).isEqualTo(ErrorCode.FORBIDDEN);
        await().atMost(CoordinatorScene.SOON).until(() -> scene.job(job.getId()).getOperation().isEmpty());
        assertThat(scene.awaitEnd(scene.stub().migrateJob(out)).getState()).isEqualTo(OperationState.SUCCEEDED);
    }
}
