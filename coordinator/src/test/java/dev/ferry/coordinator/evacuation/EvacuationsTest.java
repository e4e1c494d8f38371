package dev.ferry.coordinator.evacuation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.coordinator.CoordinatorScene;
import dev.ferry.coordinator.FakeNode;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.proto.v1.AccountingChange;
import dev.ferry.proto.v1.AccountsGrpc;
import dev.ferry.proto.v1.CancelJobRequest;
import dev.ferry.proto.v1.ChangeAccountingRequest;
import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.Command.ActionCase;
import dev.ferry.proto.v1.ConfirmGoneRequest;
import dev.ferry.proto.v1.DecisionsGrpc;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.EvacuateNodeRequest;
import dev.ferry.proto.v1.Evacuation;
import dev.ferry.proto.v1.EvacuationState;
import dev.ferry.proto.v1.EvacuationWay;
import dev.ferry.proto.v1.Evacuee;
import dev.ferry.proto.v1.EvacueeState;
import dev.ferry.proto.v1.GetDecisionRequest;
import dev.ferry.proto.v1.GetNodeRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Limits;
import dev.ferry.proto.v1.ListJobsRequest;
import dev.ferry.proto.v1.ListNoticesRequest;
import dev.ferry.proto.v1.ListOperationsRequest;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Notice;
import dev.ferry.proto.v1.NoticeKind;
import dev.ferry.proto.v1.NoticeState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.PassNode;
import dev.ferry.proto.v1.Qos;
import dev.ferry.proto.v1.SchedulingDecision;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What becomes of a node's jobs when its machine is said to go away, and of the word when it is wrong, late or told twice. */
class EvacuationsTest extends OneNodeScene {
    private static final Duration SOON = Duration.ofSeconds(20);
    private static final NodeFacts FACTS = NodeFacts.newBuilder().setArchitecture("amd64").setKernel("6.18").setCriuVersion("4.2.1").build();

    private static Notice.Builder notice(String source, String event, NoticeKind kind, Duration left) {
        return NoticesTest.notice("node-1", source, event).setKind(kind).setRemainingMillis(left.toMillis());
    }

    private Evacuation awaitEvacuation(java.util.function.Predicate<Evacuation> wanted) {
        await().atMost(SOON).untilAsserted(() -> assertThat(evacuations()).as("evacuations").anyMatch(wanted));
        return evacuations().stream().filter(wanted).findFirst().orElseThrow();
    }

    private Evacuation awaitEnd() {
        return awaitEvacuation(evacuation -> evacuation.getState() == EvacuationState.EVACUATED);
    }

    private Node node(String name) {
        return scene.stub().getNode(GetNodeRequest.newBuilder().setNode(name).build());
    }

    private static Evacuee of(Evacuation evacuation, Job job) {
        return evacuation.getJobsList().stream().filter(each -> each.getJob().equals(job.getId())).findFirst().orElseThrow();
    }

    private List<Operation> operations(Job job) {
        return scene.stub().listOperations(ListOperationsRequest.newBuilder().setJob(job.getId()).build()).getOperationsList();
    }

    @Test
    void jobsOfAMachineThatGoesAwayRunElsewhereWithoutAnyonesHelp() {
        Job first = scene.running();
        Job second = scene.running();
        scene.add("node-2");
        announce(notice("aws-spot", "e1", NoticeKind.FINAL, Duration.ofSeconds(120)));
        Evacuation done = awaitEnd();
        assertThat(done.getJobsList()).hasSize(2).allSatisfy(job -> {
            assertThat(job.getFirstWay()).isEqualTo(EvacuationWay.WAY_MIGRATE);
            assertThat(job.getState()).isEqualTo(EvacueeState.ELSEWHERE);
            assertThat(job.getFromImage()).isFalse();
        });
        for (Job job : List.of(first, second)) {
            assertThat(scene.awaitState(job.getId(), JobState.RUNNING).getNode()).isEqualTo("node-2");
        }
        assertThat(node("node-1").getState()).isEqualTo(NodeState.DRAINED);
        assertThat(scene.awaitState(scene.run(JobSpec.newBuilder()).getId(), JobState.RUNNING).getNode()).as("no new jobs there").isEqualTo("node-2");
    }

    /** With nothing on it, its evacuation is over as soon as it begins. */
    @Test
    void anEmptyMachineThatGoesAwayTakesNoNewJobs() {
        announce(notice("aws-spot", "e1", NoticeKind.FINAL, Duration.ofSeconds(120)));
        Evacuation done = awaitEnd();
        assertThat(done.getJobsList()).isEmpty();
        assertThat(node("node-1").getState()).isEqualTo(NodeState.DRAINED);
        announce();
        await().atMost(SOON).until(() -> node("node-1").getState() == NodeState.READY);
        scene.stub().evacuateNode(EvacuateNodeRequest.newBuilder().setNode("node-1").setDeadlineMillis(60_000).build());
        assertThat(node("node-1").getState()).isEqualTo(NodeState.DRAINED);
    }

    /** The store as one leaves it that was told of a notice and ended before it did anything. */
    @Test
    void whatWasAnnouncedToAnEarlierCoordinatorIsTakenUp() throws Exception {
        Job job = scene.running();
        scene.add("node-2");
        scene.stop();
        try (SqliteStateStore store = SqliteStateStore.open(folder.resolve("data"))) {
            store.transact(
                    state -> {
                        Notice told = notice("aws-spot", "e1", NoticeKind.FINAL, Duration.ofSeconds(120)).clearRemainingMillis().setDeadline(state.now() + 120_000).setFirstSeenAt(state.now()).setState(NoticeState.STANDING).build();
                        state.put(Notices.KIND, told);
                        return told;
                    });
        }
        scene.start();
        Evacuation begun = awaitEvacuation(evacuation -> evacuation.getNode().equals("node-1"));
        assertThat(begun.getKind()).isEqualTo(NoticeKind.FINAL);
        assertThat(of(awaitEvacuation(evacuation -> evacuation.getJobsCount() > 0), job).getJob()).isEqualTo(job.getId());
    }

    /** One that is announced for in two weeks, and as many as a large fleet has until then. */
    @Test
    void anOldEvacuationIsOpenHoweverManyBeganSince() throws Exception {
        try (SqliteStateStore store = SqliteStateStore.open(folder.resolve("another"))) {
            List<Evacuation> open =
                    store.transact(
                            state -> {
                                Evacuation.Builder one = Evacuation.newBuilder().setNode("node-1").setBeganAt(state.now());
                                EvacuationRecords.put(state, one.setId("ev-early").setState(EvacuationState.AWAITED).build());
                                for (int i = 0; i < 1200; i++) {
                                    EvacuationRecords.put(state, one.setId("ev-" + i).setState(EvacuationState.EVACUATING).setBeganAt(state.now() + i).build());
                                    EvacuationRecords.put(state, one.setState(EvacuationState.EVACUATED).build());
                                }
                                boolean ignored = EvacuationRecords.tidy(state);
                                return EvacuationRecords.open(state);
                            });
            assertThat(open).extracting(Evacuation::getId).containsExactly("ev-early");
        }
    }

    @Test
    void withoutRoomJobsWaitInTheStoreAndGoOnWhenThereIsSome() {
        Job job = scene.running();
        announce(notice("aws-spot", "e1", NoticeKind.FINAL, Duration.ofSeconds(120)));
        scene.awaitState(job.getId(), JobState.SUSPENDED);
        Evacuation waiting = awaitEvacuation(evacuation -> of(evacuation, job).getState() == EvacueeState.WAITS_FOR_ROOM);
        assertThat(of(waiting, job).getFirstWay()).isEqualTo(EvacuationWay.WAY_STORE);
        scene.add("node-2");
        assertThat(scene.awaitState(job.getId(), JobState.RUNNING).getNode()).isEqualTo("node-2");
        assertThat(of(awaitEnd(), job).getState()).isEqualTo(EvacueeState.ELSEWHERE);
    }

    @Test
    void aJobThatAskedForTheNodeLeavesItAllTheSame() {
        Job job = scene.awaitState(scene.run(JobSpec.newBuilder().setNode("node-1")).getId(), JobState.RUNNING);
        announce(notice("aws-spot", "e1", NoticeKind.FINAL, Duration.ofSeconds(120)));
        scene.awaitState(job.getId(), JobState.SUSPENDED);
        scene.add("node-2");
        assertThat(scene.awaitState(job.getId(), JobState.RUNNING).getNode()).isEqualTo("node-2");
    }

    @Test
    void aNoticeThatIsToldAgainBeginsNothingAnew() {
        Job job = scene.running();
        scene.add("node-2");
        for (int i = 0; i < 3; i++) {
            announce(notice("aws-spot", "e1", NoticeKind.FINAL, Duration.ofSeconds(120)));
        }
        awaitEnd();
        one.disconnect();
        one.connect(scenePort());
        announce(notice("aws-spot", "e1", NoticeKind.FINAL, Duration.ofSeconds(110)));
        await().atMost(SOON).until(() -> scene.stub().listNotices(ListNoticesRequest.getDefaultInstance()).getNoticesCount() == 1);
        assertThat(evacuations()).hasSize(1);
        assertThat(operations(job)).filteredOn(operation -> operation.getKind() == OperationKind.MIGRATE).hasSize(1);
    }

    private int scenePort() {
        return scene.grpcPort();
    }

    @Test
    void aDeadlineInThePastIsNamedAndTriedAllTheSame() {
        Job job = scene.running();
        scene.add("node-2");
        announce(notice("aws-spot", "e1", NoticeKind.FINAL, Duration.ofSeconds(-5)));
        Evacuation done = awaitEnd();
        assertThat(of(done, job).getFirstWay()).isEqualTo(EvacuationWay.WAY_WILL_NOT_MAKE_IT);
        assertThat(of(done, job).getFirstWhy()).contains("no image");
        assertThat(scene.job(job.getId()).getNode()).as("the machine lived longer than was said").isEqualTo("node-2");
    }

    @Test
    void whatIsNotSavedInTimeGoesOnFromItsLastImageByTheCloudsWord() {
        Job saved = scene.running();
        Job bare = scene.running();
        scene.awaitEnd(scene.stub().checkpointJob(CheckpointJobRequest.newBuilder().setJob(saved.getId()).build()));
        scene.add("node-2");
        one.answer(ActionCase.DUMP, CoordinatorScene.silence());
        announce(notice("aws-spot", "e1", NoticeKind.FINAL, Duration.ofMillis(500)));
        Evacuation named = awaitEvacuation(evacuation -> evacuation.getJobsCount() == 2);
        assertThat(of(named, bare).getFirstWay()).isEqualTo(EvacuationWay.WAY_WILL_NOT_MAKE_IT);
        // The word may come before the stream breaks: it counts as soon as nothing is heard from there.
        scene.stub().confirmNodeGone(ConfirmGoneRequest.newBuilder().setNode("node-1").setSource("aws").setEvidence("i-1 is terminated").build());
        assertThat(node("node-1").getState()).isNotEqualTo(NodeState.DEAD);
        one.disconnect();
        Job back = scene.awaitState(saved.getId(), JobState.RUNNING);
        assertThat(back.getNode()).isEqualTo("node-2");
        assertThat(back.getIncarnation()).isGreaterThan(saved.getIncarnation());
        Evacuation done = awaitEnd();
        assertThat(of(done, saved).getFromImage()).isTrue();
        assertThat(of(done, bare).getState()).isEqualTo(EvacueeState.IS_LOST);
        assertThat(done.getGone()).isEqualTo("aws: i-1 is terminated");
        assertThat(node("node-1").getState()).isEqualTo(NodeState.DEAD);
        assertThat(scene.job(bare.getId()).getState()).isEqualTo(JobState.LOST);
    }

    @Test
    void silenceAloneProvesNothing() {
        Job job = scene.running();
        scene.awaitEnd(scene.stub().checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
        FakeNode two = scene.add("node-2");
        one.answer(ActionCase.DUMP, CoordinatorScene.silence());
        one.answer(ActionCase.KILL, CoordinatorScene.silence());
        announce(notice("aws-spot", "e1", NoticeKind.FINAL, Duration.ofMillis(500)));
        awaitEvacuation(evacuation -> evacuation.getJobsCount() == 1);
        one.disconnect();
        await().atMost(SOON).until(() -> node("node-1").getState() == NodeState.DOWN);
        await().during(Duration.ofSeconds(2)).atMost(SOON).until(() -> !two.actions().contains(ActionCase.RESTORE));
    }

    @Test
    void aWordThatTheDaemonContradictsIsDropped() {
        Job job = scene.running();
        scene.awaitEnd(scene.stub().checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
        FakeNode two = scene.add("node-2");
        scene.stub().confirmNodeGone(ConfirmGoneRequest.newBuilder().setNode("node-1").setSource("aws").setEvidence("of another machine").build());
        // Longer than a machine's last words may take.
        await().during(Duration.ofSeconds(7)).atMost(SOON).until(() -> node("node-1").getState() == NodeState.READY);
        one.disconnect();
        await().atMost(SOON).until(() -> node("node-1").getState() == NodeState.DOWN);
        await().during(Duration.ofSeconds(2)).atMost(SOON).until(() -> scene.job(job.getId()).getState() == JobState.UNREACHABLE && !two.actions().contains(ActionCase.RESTORE));
    }

    @Test
    void aWordWithoutEvidenceIsRefused() {
        assertThat(CoordinatorScene.refusal(() -> scene.stub().confirmNodeGone(ConfirmGoneRequest.newBuilder().setNode("node-1").setSource("aws").build()))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
        assertThat(CoordinatorScene.refusal(() -> scene.stub().confirmNodeGone(ConfirmGoneRequest.newBuilder().setNode("node-7").setSource("aws").setEvidence("x").build()))).isEqualTo(ErrorCode.NODE_NOT_FOUND);
    }

    @Test
    void aMaintenanceFarAheadIsAwaitedAndCanBeTakenBack() {
        Job job = scene.running();
        announce(notice("aws-maintenance", "e1", NoticeKind.MAINTENANCE, Duration.ofDays(3)));
        Evacuation awaited = awaitEvacuation(evacuation -> evacuation.getState() == EvacuationState.AWAITED);
        assertThat(awaited.getBeginsAt()).isBetween(awaited.getDeadline() - Duration.ofMinutes(16).toMillis(), awaited.getDeadline() - Duration.ofMinutes(14).toMillis());
        assertThat(node("node-1").getState()).isEqualTo(NodeState.READY);
        announce();
        awaitEvacuation(evacuation -> evacuation.getState() == EvacuationState.TAKEN_BACK);
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.RUNNING);
        assertThat(operations(job)).hasSize(1);
    }

    @Test
    void aWordThatIsTakenBackOpensTheNodeAndWhatWasStoredGoesOn() {
        Job job = scene.running();
        announce(notice("aws-maintenance", "e1", NoticeKind.MAINTENANCE, Duration.ofMinutes(10)));
        scene.awaitState(job.getId(), JobState.SUSPENDED);
        assertThat(node("node-1").getState()).isEqualTo(NodeState.DRAINED);
        announce();
        await().atMost(SOON).until(() -> node("node-1").getState() == NodeState.READY);
        scene.add("node-2");
        assertThat(scene.awaitState(job.getId(), JobState.RUNNING).getNode()).isIn("node-1", "node-2");
        awaitEvacuation(evacuation -> evacuation.getState() == EvacuationState.TAKEN_BACK);
    }

    @Test
    void adviceClosesTheNodeAndCopiesAndAFinalWordMoves() {
        Job job = scene.running();
        announce(notice("aws-rebalance", "r1", NoticeKind.ADVISORY, Duration.ofSeconds(100)).clearRemainingMillis());
        scene.awaitJob(job.getId(), now -> !now.getLatestImage().isEmpty() && now.getOperation().isEmpty());
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.RUNNING);
        assertThat(node("node-1").getState()).isEqualTo(NodeState.DRAINING);
        assertThat(operations(job)).extracting(Operation::getKind).containsExactly(OperationKind.CHECKPOINT, OperationKind.START);
        scene.add("node-2");
        announce(notice("aws-rebalance", "r1", NoticeKind.ADVISORY, Duration.ofSeconds(100)).clearRemainingMillis(), notice("aws-spot", "e1", NoticeKind.FINAL, Duration.ofSeconds(120)));
        Evacuation done = awaitEnd();
        assertThat(evacuations()).as("one for both").hasSize(1);
        assertThat(done.getKind()).isEqualTo(NoticeKind.FINAL);
        assertThat(scene.awaitState(job.getId(), JobState.RUNNING).getNode()).isEqualTo("node-2");
    }

    @Test
    void aFreshImageIsEnoughWhereThereIsNoTimeForAnotherOne() {
        Job job = scene.running();
        scene.add("node-2");
        scene.awaitEnd(scene.stub().checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
        // Dumps take nothing here, but the margin alone is two seconds.
        announce(notice("aws-spot", "e1", NoticeKind.FINAL, Duration.ofMillis(1500)));
        Evacuation done = awaitEnd();
        assertThat(of(done, job).getFirstWay()).isIn(EvacuationWay.WAY_COVERED, EvacuationWay.WAY_WILL_NOT_MAKE_IT);
        Job moved = scene.awaitState(job.getId(), JobState.RUNNING);
        assertThat(moved.getNode()).isEqualTo("node-2");
        boolean rewound = operations(job).stream().anyMatch(operation -> operation.getKind() == OperationKind.REWIND);
        assertThat(rewound).isEqualTo(of(done, job).getFirstWay() == EvacuationWay.WAY_COVERED);
        assertThat(of(done, job).getFromImage()).isEqualTo(rewound);
    }

    @Test
    void anEvacuationOutlivesTheCoordinator() throws Exception {
        Job job = scene.running();
        one.answer(ActionCase.DUMP, CoordinatorScene.silence());
        announce(notice("aws-spot", "e1", NoticeKind.FINAL, Duration.ofSeconds(120)));
        await().atMost(SOON).until(() -> one.actions().contains(ActionCase.DUMP));
        scene.stop();
        one.behave(ActionCase.DUMP);
        scene.start();
        scene.awaitState(job.getId(), JobState.SUSPENDED);
        scene.add("node-2");
        assertThat(scene.awaitState(job.getId(), JobState.RUNNING).getNode()).isEqualTo("node-2");
        assertThat(awaitEnd().getJobsList()).hasSize(1);
    }

    @Test
    void aMigrationAndADrainThatRunAlreadyAreLeftToTheirEnd() {
        Job moving = scene.running();
        Job staying = scene.running();
        scene.add("node-2");
        one.answer(ActionCase.DUMP, CoordinatorScene.silence());
        Operation migration = scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(moving.getId()).build());
        await().atMost(SOON).until(() -> one.actions().contains(ActionCase.DUMP));
        announce(notice("aws-spot", "e1", NoticeKind.FINAL, Duration.ofSeconds(120)));
        awaitEvacuation(evacuation -> evacuation.getJobsCount() == 2);
        var unused = scene.stub().drainNode(GetNodeRequest.newBuilder().setNode("node-1").build());
        one.behave(ActionCase.DUMP);
        one.disconnect();
        one.connect(scenePort());
        awaitEnd();
        assertThat(scene.job(moving.getId()).getNode()).isEqualTo("node-2");
        assertThat(scene.job(staying.getId()).getNode()).isEqualTo("node-2");
        assertThat(operations(moving)).filteredOn(operation -> operation.getKind() == OperationKind.MIGRATE).extracting(Operation::getId).containsExactly(migration.getId());
    }

    /** Its image is not whole yet when the machine to which it goes is announced to go away: what comes there is moved on. */
    @Test
    void aJobThatIsOnItsWayToTheMachineIsWaitedForAndMovedOn() {
        FakeNode second = scene.add("node-2");
        Job coming = scene.awaitState(scene.run(JobSpec.newBuilder().setNode("node-2")).getId(), JobState.RUNNING);
        second.answer(ActionCase.DUMP, CoordinatorScene.silence());
        var unused = scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(coming.getId()).setTo("node-1").build());
        await().atMost(SOON).until(() -> second.actions().contains(ActionCase.DUMP));
        announce(notice("aws-spot", "e1", NoticeKind.FINAL, Duration.ofSeconds(120)));
        awaitEvacuation(evacuation -> evacuation.getPlannedAt() > 0);
        long planned = evacuations().getFirst().getPlannedAt();
        awaitEvacuation(evacuation -> evacuation.getPlannedAt() > planned);
        assertThat(evacuations()).singleElement().satisfies(only -> assertThat(only.getState()).isEqualTo(EvacuationState.EVACUATING));
        assertThat(node("node-1").getState()).as("something comes there yet").isEqualTo(NodeState.DRAINING);
        second.behave(ActionCase.DUMP);
        second.disconnect();
        second.connect(scenePort());
        Evacuation done = awaitEnd();
        assertThat(of(done, coming).getState()).isEqualTo(EvacueeState.ELSEWHERE);
        assertThat(scene.awaitState(coming.getId(), JobState.RUNNING).getNode()).isEqualTo("node-2");
    }

    @Test
    void aDryRunChangesNothing() {
        Job job = scene.running();
        Evacuation plan = scene.stub().evacuateNode(EvacuateNodeRequest.newBuilder().setNode("node-1").setDeadlineMillis(60_000).setDryRun(true).build());
        assertThat(of(plan, job).getWay()).isEqualTo(EvacuationWay.WAY_STORE);
        assertThat(plan.getDryRun()).isTrue();
        assertThat(evacuations()).isEmpty();
        assertThat(node("node-1").getState()).isEqualTo(NodeState.READY);
        assertThat(operations(job)).hasSize(1);
        Evacuation hurried = scene.stub().evacuateNode(EvacuateNodeRequest.newBuilder().setNode("node-1").setDeadlineMillis(3000).setDryRun(true).build());
        assertThat(of(hurried, job).getWay()).isEqualTo(EvacuationWay.WAY_WILL_NOT_MAKE_IT);
        assertThat(of(hurried, job).getWhy()).contains("takes").contains("no image");
    }

    @Test
    void anOperatorsWordUnderOneNameIsOneEvacuation() {
        Job job = scene.running();
        scene.add("node-2");
        EvacuateNodeRequest request = EvacuateNodeRequest.newBuilder().setNode("node-1").setDeadlineMillis(90_000).setReason("rack 7").setEvent("hook-1").build();
        Evacuation first = scene.stub().evacuateNode(request);
        assertThat(of(first, job).getFirstWay()).isEqualTo(EvacuationWay.WAY_MIGRATE);
        assertThat(scene.stub().evacuateNode(request).getId()).isEqualTo(first.getId());
        awaitEnd();
        assertThat(scene.stub().evacuateNode(request).getId()).isEqualTo(first.getId());
        assertThat(scene.awaitState(job.getId(), JobState.RUNNING).getNode()).isEqualTo("node-2");
        assertThat(CoordinatorScene.refusal(() -> scene.stub().evacuateNode(request.toBuilder().setNode("node-9").build()))).isEqualTo(ErrorCode.NODE_NOT_FOUND);
        assertThat(CoordinatorScene.refusal(() -> scene.stub().evacuateNode(request.toBuilder().setDeadlineMillis(-1).build()))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
        assertThat(CoordinatorScene.refusal(() -> scene.stub().evacuateNode(request.toBuilder().setDeadlineMillis(Long.MAX_VALUE).build()))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
    }

    @Test
    void undrainingTakesAnOperatorsWordBackButNotACloudsOwn() {
        Job job = scene.running();
        var unused = scene.stub().evacuateNode(EvacuateNodeRequest.newBuilder().setNode("node-1").setDeadlineMillis(90_000).build());
        scene.awaitState(job.getId(), JobState.SUSPENDED);
        var unused2 = scene.stub().undrainNode(GetNodeRequest.newBuilder().setNode("node-1").build());
        assertThat(scene.awaitState(job.getId(), JobState.RUNNING).getNode()).isEqualTo("node-1");
        awaitEvacuation(evacuation -> evacuation.getState() == EvacuationState.TAKEN_BACK);
        announce(notice("aws-spot", "e1", NoticeKind.FINAL, Duration.ofSeconds(120)));
        scene.awaitState(job.getId(), JobState.SUSPENDED);
        var unused3 = scene.stub().undrainNode(GetNodeRequest.newBuilder().setNode("node-1").build());
        await().atMost(SOON).until(() -> node("node-1").getState() == NodeState.DRAINED);
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.SUSPENDED);
    }

    @Test
    void aJobThatCannotBeSavedIsNamedAndKeepsRunning() {
        Job job = scene.running();
        scene.add("node-2");
        one.fail(ActionCase.DUMP, ErrorCode.DUMP_IO_URING);
        announce(notice("aws-spot", "e1", NoticeKind.FINAL, Duration.ofSeconds(120)));
        Evacuation named = awaitEvacuation(evacuation -> evacuation.getJobsCount() == 1 && of(evacuation, job).getWay() == EvacuationWay.WAY_WILL_NOT_MAKE_IT);
        assertThat(of(named, job).getWhy()).contains("as the test says");
        assertThat(scene.awaitState(job.getId(), JobState.RUNNING).getNode()).isEqualTo("node-1");
    }

    @Test
    void aSmallerNodeTakesWhatFitsAndTheRestWaits() {
        Job large = scene.awaitState(scene.run(JobSpec.newBuilder().setCpuMillis(2000)).getId(), JobState.RUNNING);
        Job small = scene.awaitState(scene.run(JobSpec.newBuilder().setCpuMillis(1000)).getId(), JobState.RUNNING);
        scene.add(new FakeNode("node-2", FACTS, 1, 8L << 30), "node-2");
        announce(notice("aws-spot", "e1", NoticeKind.FINAL, Duration.ofSeconds(120)));
        assertThat(scene.awaitState(small.getId(), JobState.RUNNING)).matches(job -> true);
        scene.awaitState(large.getId(), JobState.SUSPENDED);
        scene.awaitJob(small.getId(), job -> job.getNode().equals("node-2") && job.getState() == JobState.RUNNING);
        scene.add("node-3");
        assertThat(scene.awaitState(large.getId(), JobState.RUNNING).getNode()).isEqualTo("node-3");
        awaitEnd();
    }

    private void change(AccountingChange.Builder change) {
        var unused = scene.ask(AccountsGrpc::newBlockingStub).changeAccounting(ChangeAccountingRequest.newBuilder().addChanges(change.setHow(AccountingChange.How.SET)).build());
    }

    private void limit(int cpus) {
        change(AccountingChange.newBuilder().setQos(Qos.newBuilder().setName("few").setLimits(Limits.newBuilder().setGrpTres("cpu=" + cpus))));
    }

    @Test
    void whatWasStoredGoesOnByPriorityAmongAllThatWait() {
        Job last = scene.awaitState(scene.run(JobSpec.newBuilder().setCpuMillis(2000).setNice(1000)).getId(), JobState.RUNNING);
        Job first = scene.awaitState(scene.run(JobSpec.newBuilder().setCpuMillis(2000)).getId(), JobState.RUNNING);
        announce(notice("aws-spot", "e1", NoticeKind.FINAL, Duration.ofSeconds(120)));
        scene.awaitJob(last.getId(), job -> job.getQueue().getComesBack());
        scene.awaitJob(first.getId(), job -> job.getQueue().getComesBack());
        Job between = scene.run(JobSpec.newBuilder().setCpuMillis(2000).setNice(500));
        scene.awaitJob(between.getId(), job -> !job.getReason().isEmpty());
        String why = scene.awaitJob(last.getId(), job -> job.getReason().contains("; ")).getReason();
        assertThat(why).startsWith("evacuation ").contains(" of node-1; ");
        scene.add(new FakeNode("node-2", FACTS, 2, 8L << 30), "node-2");
        assertThat(scene.awaitState(first.getId(), JobState.RUNNING).getNode()).isEqualTo("node-2");
        scene.add(new FakeNode("node-3", FACTS, 2, 8L << 30), "node-3");
        assertThat(scene.awaitState(between.getId(), JobState.RUNNING).getNode()).isEqualTo("node-3");
        assertThat(scene.job(last.getId()).getState()).as("its turn has not come").isEqualTo(JobState.SUSPENDED);
        scene.add(new FakeNode("node-4", FACTS, 2, 8L << 30), "node-4");
        assertThat(scene.awaitState(last.getId(), JobState.RUNNING).getNode()).isEqualTo("node-4");
        Operation resume = operations(last).getFirst();
        assertThat(resume.getKind()).isEqualTo(OperationKind.RESUME);
        assertThat(resume.getCause()).startsWith("evacuation ");
        GetDecisionRequest decision = GetDecisionRequest.newBuilder().setDecision(resume.getDecision()).build();
        assertThat(scene.ask(DecisionsGrpc::newBlockingStub).replayDecision(decision).getSame()).isTrue();
        Evacuation done = awaitEnd();
        assertThat(done.getJobsList()).hasSize(2).allSatisfy(job -> assertThat(job.getState()).isEqualTo(EvacueeState.ELSEWHERE));
        scene.awaitJob(last.getId(), job -> job.getQueue().getCause().isEmpty() && !job.getQueue().getAnywhere());
    }

    @Test
    void whatWasStoredIsHeldByLimitsAndGoesOnWhereItsDataLies() {
        limit(2);
        scene.add("node-2");
        scene.add("node-3");
        Job job = scene.awaitState(scene.run(JobSpec.newBuilder().setQos("few").setCpuMillis(2000)).getId(), JobState.RUNNING);
        assertThat(job.getNode()).isEqualTo("node-1");
        scene.awaitEnd(scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).setTo("node-3").build()));
        scene.awaitEnd(scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).setTo("node-1").build()));
        for (String other : List.of("node-2", "node-3")) {
            var unused = scene.stub().drainNode(GetNodeRequest.newBuilder().setNode(other).build());
        }
        announce(notice("aws-spot", "e1", NoticeKind.FINAL, Duration.ofSeconds(120)));
        scene.awaitJob(job.getId(), stored -> stored.getQueue().getComesBack());
        limit(1);
        scene.awaitJob(job.getId(), held -> held.getReason().contains("GrpTRES cpu=1"));
        for (String other : List.of("node-2", "node-3")) {
            var unused = scene.stub().undrainNode(GetNodeRequest.newBuilder().setNode(other).build());
        }
        // Another job that waits shows that the queue was looked at since.
        assertThat(scene.awaitState(scene.run(JobSpec.newBuilder()).getId(), JobState.RUNNING).getNode()).isEqualTo("node-2");
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.SUSPENDED);
        scene.awaitEnd(scene.stub().cancelJob(CancelJobRequest.newBuilder().setJob(onNodeTwo()).build()));
        limit(2);
        assertThat(scene.awaitState(job.getId(), JobState.RUNNING).getNode()).as("where it was before; node-2 is as empty and the first").isEqualTo("node-3");
        Operation resume = operations(job).getFirst();
        SchedulingDecision decision = scene.ask(DecisionsGrpc::newBlockingStub).getDecision(GetDecisionRequest.newBuilder().setDecision(resume.getDecision()).build());
        assertThat(decision.getInput().getWaiting(0).getWarmList()).isEqualTo(List.of(decision.getInput().getNodesList().stream().map(PassNode::getName).toList().indexOf("node-3")));
    }

    private String onNodeTwo() {
        return scene.stub().listJobs(ListJobsRequest.getDefaultInstance()).getJobsList().stream().filter(job -> job.getNode().equals("node-2") && job.getState() == JobState.RUNNING).findFirst().orElseThrow().getId();
    }
}
