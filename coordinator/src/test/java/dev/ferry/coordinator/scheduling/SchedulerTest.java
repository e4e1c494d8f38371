package dev.ferry.coordinator.scheduling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.coordinator.CoordinatorScene;
import dev.ferry.coordinator.FakeNode;
import dev.ferry.proto.v1.AccountingChange;
import dev.ferry.proto.v1.AccountsGrpc;
import dev.ferry.proto.v1.Association;
import dev.ferry.proto.v1.CancelJobRequest;
import dev.ferry.proto.v1.ChangeAccountingRequest;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.DecisionsGrpc;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ExplainJobRequest;
import dev.ferry.proto.v1.GetDecisionRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Limits;
import dev.ferry.proto.v1.ListDecisionsRequest;
import dev.ferry.proto.v1.ListOperationsRequest;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.Qos;
import dev.ferry.proto.v1.RebalancePlan;
import dev.ferry.proto.v1.RebalanceRequest;
import dev.ferry.proto.v1.ResumeJobRequest;
import dev.ferry.proto.v1.Role;
import dev.ferry.proto.v1.SchedulingDecision;
import dev.ferry.proto.v1.SetTimeLimitRequest;
import dev.ferry.proto.v1.SuspendJobRequest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The queue of a real coordinator, on one played node of four CPUs: accounts a and b with equal shares. */
class SchedulerTest {
    @TempDir Path folder;
    private CoordinatorScene scene;
    private FakeNode node;

    @BeforeEach
    void open() throws Exception {
        open("");
    }

    private void open(String more) throws Exception {
        scene = new CoordinatorScene(Files.createDirectory(folder.resolve("scene" + more.length())), SchedulingTexts.with("delay: 0s\nminimumRun: 0s\nspacing: 0s\n" + more));
        node = scene.add("node-1");
        for (String account : List.of("a", "b")) {
            change(AccountingChange.How.ADD, Association.newBuilder().setAccount(account));
            change(AccountingChange.How.ADD, Association.newBuilder().setAccount(account).setUser("u"));
        }
    }

    @AfterEach
    void close() {
        scene.close();
    }

    private void change(AccountingChange.How how, Association.Builder association) {
        var ignored =
                scene.ask(AccountsGrpc::newBlockingStub)
                        .changeAccounting(ChangeAccountingRequest.newBuilder().addChanges(AccountingChange.newBuilder().setHow(how).setAssociation(association)).build());
    }

    private DecisionsGrpc.DecisionsBlockingStub decisions() {
        return scene.ask(DecisionsGrpc::newBlockingStub);
    }

    private static JobSpec.Builder of(String account, int cpus) {
        return JobSpec.newBuilder().setAccount(account).setUserName("u").setCpuMillis(1000L * cpus);
    }

    /** Account a has all of the cluster. */
    private List<Job> fill() {
        return List.of(scene.awaitState(scene.run(of("a", 2)).getId(), JobState.RUNNING), scene.awaitState(scene.run(of("a", 2)).getId(), JobState.RUNNING));
    }

    private void cancel(Job job) {
        var ignored = scene.awaitEnd(scene.stub().cancelJob(CancelJobRequest.newBuilder().setJob(job.getId()).build()));
    }

    private List<Operation> operations(Job job) {
        return scene.stub().listOperations(ListOperationsRequest.newBuilder().setJob(job.getId()).build()).getOperationsList();
    }

    @Test
    void anAccountThatFillsTheClusterMakesRoomAndComesBackByItself() {
        List<Job> jobs = fill();
        Job other = scene.awaitState(scene.run(of("b", 2)).getId(), JobState.RUNNING);
        List<Job> stored = jobs.stream().filter(job -> scene.job(job.getId()).getState() == JobState.SUSPENDED).toList();
        assertThat(stored).hasSize(1);
        Job victim = scene.awaitState(stored.getFirst().getId(), JobState.SUSPENDED);
        assertThat(victim.getQueue().getComesBack()).isTrue();
        assertThat(victim.getQueue().getHits()).isEqualTo(1);
        Operation preemption = operations(victim).getFirst();
        assertThat(preemption.getKind()).isEqualTo(OperationKind.SUSPEND);
        assertThat(preemption.getCause()).isEqualTo("preemption for " + other.getId());
        assertThat(preemption.getForJob()).isEqualTo(other.getId());
        assertThat(operations(other).getFirst().getStartedAt()).isGreaterThanOrEqualTo(preemption.getEndedAt());
        assertThat(operations(other).getFirst().getDecision()).isEqualTo(preemption.getDecision());
        scene.awaitJob(victim.getId(), job -> job.getReason().startsWith("preempted; "));
        cancel(other);
        Job back = scene.awaitState(victim.getId(), JobState.RUNNING);
        assertThat(back.getIncarnation()).isEqualTo(2);
        scene.awaitJob(victim.getId(), job -> !job.getQueue().getComesBack() && job.getQueue().getAttempts() == 0);
    }

    @Test
    void aJobThatHasRunForItsTimeIsSavedAndGoesOnOnlyWithMore() {
        Job job = scene.run(of("a", 1).setTimeLimitSeconds(2));
        Job over = scene.awaitJob(job.getId(), now -> now.getState() == JobState.SUSPENDED && now.getOperation().isEmpty());
        assertThat(over.getReason()).isEqualTo("its time limit of 2.00 s is reached");
        assertThat(over.getQueue().getComesBack()).isFalse();
        assertThat(operations(over).getFirst().getCause()).isEqualTo("its time limit of 2.00 s is reached");
        ResumeJobRequest resume = ResumeJobRequest.newBuilder().setJob(job.getId()).build();
        assertThat(CoordinatorScene.refusal(() -> scene.stub().resumeJob(resume))).isEqualTo(ErrorCode.WRONG_STATE);
        SetTimeLimitRequest.Builder limit = SetTimeLimitRequest.newBuilder().setJob(job.getId());
        assertThat(CoordinatorScene.refusal(() -> scene.stub().setTimeLimit(limit.setSeconds(-1).build()))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
        assertThat(scene.stub().setTimeLimit(limit.setSeconds(3600).build()).getSpec().getTimeLimitSeconds()).isEqualTo(3600);
        var unused = scene.awaitEnd(scene.stub().resumeJob(resume));
        assertThat(scene.awaitState(job.getId(), JobState.RUNNING).getReason()).isEmpty();
    }

    @Test
    void whatIsFreeInPiecesIsBroughtTogether() throws Exception {
        // By itself only for jobs that are due.
        close();
        open("moves: false\n");
        FakeNode other = scene.add("node-2");
        assertThat(other).isNotNull();
        Job one = scene.awaitState(scene.run(of("a", 3)).getId(), JobState.RUNNING);
        Job two = scene.awaitState(scene.run(of("a", 1)).getId(), JobState.RUNNING);
        // Three of four are free on the other node and none here, or one here and two there: never four on one.
        Job three = scene.awaitState(scene.run(of("a", 1)).getId(), JobState.RUNNING);
        Job wide = scene.run(of("a", 4));
        scene.awaitJob(wide.getId(), job -> !job.getReason().isEmpty());
        assertThat(one.getNode()).isNotEqualTo(three.getNode());
        RebalanceRequest.Builder request = RebalanceRequest.newBuilder();
        RebalancePlan dry = decisions().rebalance(request.setDryRun(true).build());
        assertThat(dry.getWaiting()).isEqualTo(1);
        assertThat(dry.getGainsList()).isEmpty();
        cancel(two);
        RebalancePlan would = decisions().rebalance(request.build());
        assertThat(would.getGainsList()).singleElement().satisfies(gain -> assertThat(gain.getJob()).isEqualTo(wide.getId()));
        assertThat(scene.job(three.getId()).getOperation()).isEmpty();
        RebalancePlan done = decisions().rebalance(request.setDryRun(false).build());
        RebalancePlan.Move move = done.getGains(0).getMoves(0);
        assertThat(move.getJob()).isEqualTo(three.getId());
        assertThat(scene.awaitState(wide.getId(), JobState.RUNNING).getNode()).isEqualTo(move.getFrom());
        assertThat(scene.awaitState(three.getId(), JobState.RUNNING).getNode()).isEqualTo(move.getTo()).isEqualTo(one.getNode());
        assertThat(operations(three).getFirst().getCause()).isEqualTo("rebalance for " + wide.getId());
        assertThat(CoordinatorScene.refusal(() -> decisions().rebalance(request.setMostMoves(-1).build()))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
    }

    @Test
    void aJobThatHasRoomElsewhereIsMovedForOneThatIsDue() throws Exception {
        FakeNode other = scene.add("node-2");
        assertThat(other).isNotNull();
        // Each on the emptiest node: two of four are free on both.
        Job one = scene.awaitState(scene.run(of("a", 2)).getId(), JobState.RUNNING);
        Job two = scene.awaitState(scene.run(of("a", 2)).getId(), JobState.RUNNING);
        assertThat(one.getNode()).isNotEqualTo(two.getNode());
        Job wide = scene.awaitState(scene.run(of("b", 4)).getId(), JobState.RUNNING);
        Job moved = wide.getNode().equals(one.getNode()) ? one : two;
        Job stayed = moved.equals(one) ? two : one;
        Job there = scene.awaitJob(moved.getId(), job -> job.getState() == JobState.RUNNING && job.getOperation().isEmpty() && !job.getQueue().getComesBack());
        assertThat(there.getNode()).isEqualTo(stayed.getNode());
        assertThat(there.getQueue().getHits()).isEqualTo(1);
        Operation move = operations(moved).getFirst();
        assertThat(move.getKind()).isEqualTo(OperationKind.MIGRATE);
        assertThat(move.getCause()).isEqualTo("room for " + wide.getId());
        assertThat(move.getForJob()).isEqualTo(wide.getId());
        SchedulingDecision made = decisions().listDecisions(ListDecisionsRequest.newBuilder().setJob(wide.getId()).build()).getDecisions(0);
        assertThat(made.getSummary()).isEqualTo("1 job is moved so that others fit");
        assertThat(decisions().replayDecision(GetDecisionRequest.newBuilder().setDecision(made.getId()).build()).getSame()).isTrue();
        assertThat(scene.job(stayed.getId()).getIncarnation()).isEqualTo(1);
    }

    @Test
    void decisionsCanBeReadAndGiveTheSameAgain() {
        fill();
        Job other = scene.awaitState(scene.run(of("b", 2)).getId(), JobState.RUNNING);
        List<SchedulingDecision> all = decisions().listDecisions(ListDecisionsRequest.getDefaultInstance()).getDecisionsList();
        assertThat(all).extracting(SchedulingDecision::getSummary).contains("1 job starts", "1 job makes room");
        SchedulingDecision made = decisions().listDecisions(ListDecisionsRequest.newBuilder().setJob(other.getId()).build()).getDecisions(0);
        assertThat(made.getSummary()).isEqualTo("1 job makes room");
        assertThat(made.getJobsList()).hasSize(2).endsWith(other.getId());
        GetDecisionRequest request = GetDecisionRequest.newBuilder().setDecision(made.getId()).build();
        SchedulingDecision whole = decisions().getDecision(request);
        assertThat(whole.getInput().getRunningList()).hasSize(2);
        assertThat(whole.getOutput().getPreemptions(0).getVictims(0).getJob()).isEqualTo(made.getJobs(0));
        assertThat(decisions().replayDecision(request).getSame()).isTrue();
        assertThat(CoordinatorScene.refusal(() -> decisions().getDecision(GetDecisionRequest.newBuilder().setDecision("d-none").build()))).isEqualTo(ErrorCode.DECISION_NOT_FOUND);
    }

    @Test
    void ofThoseThatWaitTheHighestPriorityGoesFirst() {
        Job first = scene.awaitState(scene.run(of("a", 4)).getId(), JobState.RUNNING);
        Job nice = scene.run(of("a", 4).setNice(1000));
        Job next = scene.run(of("a", 4));
        scene.awaitJob(nice.getId(), job -> !job.getReason().isEmpty());
        scene.awaitJob(next.getId(), job -> !job.getReason().isEmpty());
        assertThat(decisions().explainJob(ExplainJobRequest.newBuilder().setJob(nice.getId()).build()).getPosition()).isEqualTo(2);
        assertThat(decisions().explainJob(ExplainJobRequest.newBuilder().setJob(next.getId()).build())).satisfies(
                said -> {
                    assertThat(said.getPosition()).isEqualTo(1);
                    assertThat(said.getWhy()).contains("4 CPUs wanted");
                    assertThat(said.getHolders(0).getJob()).isEqualTo(first.getId());
                    assertThat(said.getNoPreemption()).isNotEmpty();
                });
        cancel(first);
        scene.awaitState(next.getId(), JobState.RUNNING);
        assertThat(scene.job(nice.getId()).getState()).isEqualTo(JobState.PENDING);
    }

    @Test
    void aLimitHoldsJobsWithItsName() {
        change(AccountingChange.How.MODIFY, Association.newBuilder().setAccount("a").setLimits(Limits.newBuilder().setGrpTres("cpu=2")));
        Job first = scene.awaitState(scene.run(of("a", 2)).getId(), JobState.RUNNING);
        Job held = scene.run(of("a", 1));
        assertThat(scene.awaitJob(held.getId(), job -> !job.getReason().isEmpty()).getReason()).isEqualTo("GrpTRES cpu=2 of account a is reached");
        Job free = scene.awaitState(scene.run(of("b", 2)).getId(), JobState.RUNNING);
        assertThat(scene.job(held.getId()).getState()).isEqualTo(JobState.PENDING);
        cancel(first);
        scene.awaitState(held.getId(), JobState.RUNNING);
        assertThat(scene.job(free.getId()).getState()).isEqualTo(JobState.RUNNING);
    }

    @Test
    void whoWaitsForRoomThatIsBeingMadeCountsForLimitsWhateverThePriorityOfOthers() {
        scene.awaitState(scene.run(of("a", 2)).getId(), JobState.RUNNING);
        scene.awaitState(scene.run(of("a", 1)).getId(), JobState.RUNNING);
        change(AccountingChange.How.MODIFY, Association.newBuilder().setAccount("b").setLimits(Limits.newBuilder().setGrpJobs(1)));
        node.answer(Command.ActionCase.DUMP, CoordinatorScene.silence());
        Job let = scene.run(of("b", 2));
        scene.awaitJob(let.getId(), job -> job.getQueue().hasClaim());
        Job held = scene.run(of("b", 1).setNice(-1_000_000));
        assertThat(scene.awaitJob(held.getId(), job -> !job.getReason().isEmpty()).getReason()).isEqualTo("GrpJobs=1 of account b is reached");
    }

    @Test
    void aUserBringsNoJobBackBeyondALimitThatOneReachesForWhichRoomIsBeingMade() {
        Job stored = scene.awaitState(scene.run(of("b", 1)).getId(), JobState.RUNNING);
        var ignored = scene.awaitEnd(scene.stub().suspendJob(SuspendJobRequest.newBuilder().setJob(stored.getId()).build()));
        scene.awaitState(scene.run(of("a", 2)).getId(), JobState.RUNNING);
        scene.awaitState(scene.run(of("a", 1)).getId(), JobState.RUNNING);
        change(AccountingChange.How.MODIFY, Association.newBuilder().setAccount("b").setLimits(Limits.newBuilder().setGrpJobs(1)));
        node.answer(Command.ActionCase.DUMP, CoordinatorScene.silence());
        Job let = scene.run(of("b", 2));
        scene.awaitJob(let.getId(), job -> job.getQueue().hasClaim());
        ResumeJobRequest resume = ResumeJobRequest.newBuilder().setJob(stored.getId()).build();
        assertThat(CoordinatorScene.refusal(() -> scene.stub(scene.token(Role.ROLE_USER, "u")).resumeJob(resume))).isEqualTo(ErrorCode.NO_CAPACITY);
    }

    @Test
    void whenAVictimCannotBeSavedItRunsOnAndTheOtherWaits() {
        List<Job> jobs = fill();
        node.fail(Command.ActionCase.DUMP, ErrorCode.DUMP_IO_URING);
        Job other = scene.run(of("b", 2));
        scene.awaitJob(other.getId(), job -> job.getQueue().getNotBefore() > 0);
        assertThat(scene.job(other.getId()).getQueue().hasClaim()).isFalse();
        int tried = 0;
        for (Job job : jobs) {
            Job stays = scene.awaitJob(job.getId(), now -> now.getState() == JobState.RUNNING && now.getOperation().isEmpty() && !now.getQueue().getComesBack());
            assertThat(stays.getIncarnation()).isEqualTo(1);
            List<Operation> suspends = operations(job).stream().filter(one -> one.getKind() == OperationKind.SUSPEND).toList();
            assertThat(suspends).allSatisfy(one -> assertThat(one.getState()).isEqualTo(OperationState.FAILED_OPERATION));
            tried += suspends.size();
        }
        assertThat(tried).isEqualTo(1);
    }

    @Test
    void roomThatIsBeingMadeIsKeptOverARestart() throws Exception {
        List<Job> jobs = fill();
        node.answer(Command.ActionCase.DUMP, CoordinatorScene.silence());
        Job other = scene.run(of("b", 2));
        await().atMost(CoordinatorScene.SOON).until(() -> node.actions().contains(Command.ActionCase.DUMP));
        assertThat(scene.job(other.getId()).getQueue().getClaim().getNode()).isEqualTo("node-1");
        scene.stop();
        node.behave(Command.ActionCase.DUMP);
        scene.start();
        scene.awaitState(other.getId(), JobState.RUNNING);
        assertThat(jobs).filteredOn(job -> scene.job(job.getId()).getState() == JobState.SUSPENDED).hasSize(1);
    }

    @Test
    void whatAnOperatorSuspendsStaysSuspended() {
        Job job = scene.awaitState(scene.run(of("a", 1)).getId(), JobState.RUNNING);
        var ignored = scene.awaitEnd(scene.stub().suspendJob(SuspendJobRequest.newBuilder().setJob(job.getId()).build()));
        Job next = scene.awaitState(scene.run(of("b", 1)).getId(), JobState.RUNNING);
        cancel(next);
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.SUSPENDED);
        assertThat(scene.job(job.getId()).getQueue().getComesBack()).isFalse();
    }

    @Test
    void anUrgentQosTakesRoomWithinOneAccount() {
        var unused =
                scene.ask(AccountsGrpc::newBlockingStub)
                        .changeAccounting(
                                ChangeAccountingRequest.newBuilder()
                                        .addChanges(AccountingChange.newBuilder().setHow(AccountingChange.How.ADD).setQos(Qos.newBuilder().setName("urgent").setPriority(10).addPreempts("normal")))
                                        .build());
        Job first = scene.awaitState(scene.run(of("a", 4)).getId(), JobState.RUNNING);
        Job urgent = scene.awaitState(scene.run(of("a", 4).setQos("urgent")).getId(), JobState.RUNNING);
        scene.awaitState(first.getId(), JobState.SUSPENDED);
        cancel(urgent);
        scene.awaitState(first.getId(), JobState.RUNNING);
    }
}
