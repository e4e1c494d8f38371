package dev.ferry.coordinator.evacuation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.coordinator.CoordinatorScene;
import dev.ferry.coordinator.FakeNode;
import dev.ferry.coordinator.nodes.NodeDirectory;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Command.ActionCase;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import dev.ferry.proto.v1.Evacuation;
import dev.ferry.proto.v1.EvacuationState;
import dev.ferry.proto.v1.GetNodeRequest;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListOperationsRequest;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Notice;
import dev.ferry.proto.v1.NoticeKind;
import dev.ferry.proto.v1.NoticeState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Several words about one machine, of which some are taken back. */
class NoticesTogetherTest extends OneNodeScene {
    private static final Notice.Builder ADVICE = NoticesTest.notice("node-1", "aws-rebalance", "r1").setKind(NoticeKind.ADVISORY).clearRemainingMillis();
    private static final Notice.Builder FINAL = NoticesTest.notice("node-1", "aws-spot", "e1").setKind(NoticeKind.FINAL).setRemainingMillis(Duration.ofMinutes(2).toMillis());
    private static final Notice.Builder FAR_AHEAD = NoticesTest.notice("node-1", "aws-maintenance", "m1").setKind(NoticeKind.MAINTENANCE).setRemainingMillis(Duration.ofDays(3).toMillis());
    private static final Notice.Builder SOON = FAR_AHEAD.clone().setRemainingMillis(Duration.ofMinutes(10).toMillis());

    private void awaitOne(NoticeKind kind, EvacuationState state) {
        await().atMost(CoordinatorScene.SOON).untilAsserted(() -> assertThat(evacuations()).anySatisfy(each -> {
            assertThat(each.getKind()).isEqualTo(kind);
            assertThat(each.getState()).isEqualTo(state);
        }));
    }

    private NodeState node() {
        return scene.stub().getNode(GetNodeRequest.newBuilder().setNode("node-1").build()).getState();
    }

    private List<OperationKind> done(Job job) {
        return scene.stub().listOperations(ListOperationsRequest.newBuilder().setJob(job.getId()).build()).getOperationsList().stream().map(Operation::getKind).toList();
    }

    @Test
    void maintenanceFarAheadEmptiesNothingWhenAdviceIsTakenBack() {
        Job job = scene.running();
        announce(ADVICE);
        scene.awaitJob(job.getId(), now -> !now.getLatestImage().isEmpty() && now.getOperation().isEmpty());
        announce(ADVICE, FAR_AHEAD);
        await().during(Duration.ofSeconds(2)).atMost(CoordinatorScene.SOON).until(() -> evacuations().size() == 1 && evacuations().getFirst().getKind() == NoticeKind.ADVISORY && node() == NodeState.DRAINING);
        announce(FAR_AHEAD);
        awaitOne(NoticeKind.MAINTENANCE, EvacuationState.AWAITED);
        await().during(Duration.ofSeconds(2)).atMost(CoordinatorScene.SOON).until(() -> node() == NodeState.READY && scene.job(job.getId()).getState() == JobState.RUNNING);
        assertThat(done(job)).containsExactly(OperationKind.CHECKPOINT, OperationKind.START);
    }

    @Test
    void whatWasStoredForAWordThatIsTakenBackComesBackBeforeMaintenance() {
        Job job = scene.running();
        announce(FINAL);
        scene.awaitState(job.getId(), JobState.SUSPENDED);
        announce(FAR_AHEAD);
        awaitOne(NoticeKind.MAINTENANCE, EvacuationState.AWAITED);
        awaitOne(NoticeKind.FINAL, EvacuationState.TAKEN_BACK);
        Job back = scene.awaitState(job.getId(), JobState.RUNNING);
        assertThat(back.getNode()).isEqualTo("node-1");
        await().during(Duration.ofSeconds(2)).atMost(CoordinatorScene.SOON).until(() -> node() == NodeState.READY && scene.job(job.getId()).getState() == JobState.RUNNING);
    }

    @Test
    void theNodeStaysClosedWhileOneOfTwoWordsStands() {
        scene.add("node-2");
        announce(FINAL, SOON);
        awaitOne(NoticeKind.FINAL, EvacuationState.EVACUATED);
        awaitOne(NoticeKind.MAINTENANCE, EvacuationState.EVACUATED);
        announce(SOON);
        await().during(Duration.ofSeconds(2)).atMost(CoordinatorScene.SOON).until(() -> node() == NodeState.DRAINED);
        announce();
        await().atMost(CoordinatorScene.SOON).until(() -> node() == NodeState.READY);
    }

    @Test
    void aNodeThatWasEmptiedServesAgainUntilMaintenanceBegins() {
        announce(FINAL);
        awaitOne(NoticeKind.FINAL, EvacuationState.EVACUATED);
        announce(FINAL, FAR_AHEAD);
        awaitOne(NoticeKind.MAINTENANCE, EvacuationState.AWAITED);
        assertThat(node()).isEqualTo(NodeState.DRAINED);
        announce(FAR_AHEAD);
        await().atMost(CoordinatorScene.SOON).until(() -> node() == NodeState.READY);
    }

    /** Under the name that it had before, as Google says it of a machine. */
    @Test
    void whatIsTakenBackAndStandsAheadUnderTheSameNameMovesNothing() throws Exception {
        try (SqliteStateStore store = SqliteStateStore.open(folder.resolve("another"))) {
            store.transact(
                    state -> {
                        Notice again = ahead(state);
                        Evacuation before = Evacuation.newBuilder().setId("ev-1").setNode("node-1").setNotice(again.getId()).setKind(NoticeKind.MAINTENANCE).setState(EvacuationState.EVACUATING).setTakenBack(true).build();
                        EvacuationRecords.put(state, before);
                        assertThat(NoticesToEvacuations.takeUp(state, "node-1", EvacuationConfig.defaults())).isEmpty();
                        assertThat(state.records(EvacuationRecords.KIND, RecordQuery.of("node-1"))).containsExactly(before);
                        EvacuationRecords.put(state, before.toBuilder().setState(EvacuationState.TAKEN_BACK).setEndedAt(state.now()).build());
                        Evacuation next = NoticesToEvacuations.takeUp(state, "node-1", EvacuationConfig.defaults()).orElseThrow();
                        assertThat(next.getState()).isEqualTo(EvacuationState.AWAITED);
                        assertThat(next.getId()).isNotEqualTo("ev-1");
                        return true;
                    });
        }
    }

    /** It was emptied for both, and the one that stands begins no other evacuation, however late it is now. */
    @Test
    void aNodeStaysClosedForMaintenanceThatWasDealtWithAndIsPutOff() throws Exception {
        try (SqliteStateStore store = SqliteStateStore.open(folder.resolve("another"))) {
            Node after =
                    store.transact(
                            state -> {
                                Notice putOff = ahead(state);
                                Evacuation first = Evacuation.newBuilder().setId("ev-1").setNode("node-1").setNotice("node-1/operator/e1").setKind(NoticeKind.FINAL).setState(EvacuationState.EVACUATED).setEndedAt(state.now()).build();
                                EvacuationRecords.put(state, first);
                                EvacuationRecords.put(state, first.toBuilder().setId("ev-2").setNotice(putOff.getId()).setKind(NoticeKind.MAINTENANCE).build());
                                state.put(Notices.KIND, Notice.newBuilder().setId("node-1/operator/e1").setNode("node-1").setState(NoticeState.WITHDRAWN).build());
                                state.put(Node.newBuilder().setName("node-1").setState(NodeState.READY).build());
                                NodeDirectory.close(state, "node-1", Evacuations.closingReason(first));
                                assertThat(NoticesToEvacuations.takeUp(state, "node-1", EvacuationConfig.defaults())).isEmpty();
                                return state.node("node-1").orElseThrow();
                            });
            assertThat(after.getState()).isEqualTo(NodeState.DRAINING);
        }
    }

    private static Notice ahead(Transaction state) {
        Notice far = FAR_AHEAD.clone().clearRemainingMillis().setState(NoticeState.STANDING).setFirstSeenAt(state.now()).setDeadline(state.now() + Duration.ofDays(3).toMillis()).build();
        state.put(Notices.KIND, far);
        return far;
    }

    /** Maintenance was announced long ago, and is what its evacuation was begun for. */
    @Test
    void anImageThatIsOlderThanTheAdviceIsNotMadeForIt() throws Exception {
        long hour = Duration.ofHours(1).toMillis();
        try (SqliteStateStore store = SqliteStateStore.open(folder.resolve("another"))) {
            List<Evacuator.Begin> begun =
                    store.transact(
                            state -> {
                                state.put(Image.newBuilder().setId("j-1.1").setJob("j-1").setCreatedAt(state.now() - 2 * hour).build());
                                state.put(Job.newBuilder().setId("j-1").setNode("node-1").setState(JobState.RUNNING).setLatestImage("j-1.1").build());
                                Evacuation.Builder advised = Evacuation.newBuilder().setId("ev-1").setNode("node-1").setKind(NoticeKind.ADVISORY).setState(EvacuationState.AWAITED);
                                return new Evacuator(EvacuationConfig.defaults()).decide(state, advised.setBeganAt(state.now() - 3 * hour).setBeginsAt(state.now()).build()).begin();
                            });
            assertThat(begun).containsExactly(new Evacuator.Begin("j-1", OperationKind.CHECKPOINT));
            Evacuation takenBack = Evacuation.newBuilder().setId("ev-1").setNode("node-1").setKind(NoticeKind.ADVISORY).setState(EvacuationState.EVACUATING).setTakenBack(true).build();
            assertThat(store.transact(state -> new Evacuator(EvacuationConfig.defaults()).decide(state, takenBack)).begin()).isEmpty();
        }
    }

    /** Its hooks refuse, or its dump fails; it is worth the most, and one job goes at a time. */
    @Test
    void aJobThatCanNotBeSavedKeepsNobodyOnTheMachine() {
        Job fails = scene.running();
        Job other = scene.running();
        FakeNode unused = scene.add("node-2");
        one.answer(
                ActionCase.DUMP,
                command -> {
                    ErrorDetail refused = ErrorDetail.newBuilder().setCode(ErrorCode.HOOK_REFUSED).setMessage("as the test says").build();
                    return command.getJob().equals(fails.getId()) ? Optional.of(CommandResult.newBuilder().setError(refused).build()) : one.obey(command);
                });
        announce(FINAL);
        scene.awaitJob(other.getId(), now -> now.getNode().equals("node-2") && now.getState() == JobState.RUNNING);
    }

    @Test
    void aSilentNodeIsClosedWhenItComesBack() throws Exception {
        try (SqliteStateStore store = SqliteStateStore.open(folder.resolve("another"))) {
            Node closed =
                    store.transact(
                            state -> {
                                state.put(Node.newBuilder().setName("node-1").setState(NodeState.DOWN).setReason("its daemon does not answer").build());
                                NodeDirectory.close(state, "node-1", "it goes away");
                                NodeDirectory.close(state, "node-1", "it goes away again");
                                return state.node("node-1").orElseThrow();
                            });
            assertThat(closed.getState()).isEqualTo(NodeState.DOWN);
            // By this it is DRAINING at its Hello.
            assertThat(closed.getReason()).startsWith("drained: it goes away,");
            Node open =
                    store.transact(
                            state -> {
                                NodeDirectory.reopen(state, "node-1", "it goes away");
                                return state.node("node-1").orElseThrow();
                            });
            assertThat(open.getReason()).isEmpty();
        }
    }
}
