package dev.ferry.coordinator.evacuation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.coordinator.CoordinatorScene;
import dev.ferry.coordinator.FakeNode;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.proto.v1.Command.ActionCase;
import dev.ferry.proto.v1.ConfirmGoneRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobPolicy;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListEvacuationsRequest;
import dev.ferry.proto.v1.ListImagesRequest;
import dev.ferry.proto.v1.ListOperationsRequest;
import dev.ferry.proto.v1.ListPoolsRequest;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeLife;
import dev.ferry.proto.v1.NodeNotices;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Notice;
import dev.ferry.proto.v1.NoticeKind;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.Pool;
import dev.ferry.proto.v1.SetJobPolicyRequest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Images that are made while jobs run, and what decides how often. */
class FreshnessTest extends OneNodeScene {
    private static final Duration SOON = Duration.ofSeconds(20);

    private Job running(String every) {
        return scene.awaitState(scene.run(JobSpec.newBuilder().setCheckpointEvery(every)).getId(), JobState.RUNNING);
    }

    private long images(Job job) {
        return scene.stub().listImages(ListImagesRequest.newBuilder().setJob(job.getId()).build()).getImagesCount();
    }

    private JobPolicy policy(Job job) {
        return scene.stub().getJobPolicy(GetJobRequest.newBuilder().setJob(job.getId()).build());
    }

    private List<Operation> operations(Job job) {
        return scene.stub().listOperations(ListOperationsRequest.newBuilder().setJob(job.getId()).build()).getOperationsList();
    }

    @Test
    void imagesAreMadeAsOftenAsWasAskedFor() {
        Job often = running("1s");
        Job never = running("never");
        Job silent = running("");
        // Dumps of a played node take no time: nothing but the limit of frozen time would hold them back.
        scene.stub().setJobPolicy(SetJobPolicyRequest.newBuilder().setJob(often.getId()).setMostFrozen(1).build());
        await().atMost(SOON).until(() -> images(often) >= 3);
        assertThat(images(never)).isZero();
        assertThat(images(silent)).as("no machine was taken away").isZero();
        assertThat(policy(silent).getWhy()).contains("not taken away so often");
        assertThat(operations(often)).filteredOn(operation -> operation.getKind() == OperationKind.CHECKPOINT).allSatisfy(operation -> assertThat(operation.getCause()).isEqualTo("background image"));
        JobPolicy policy = policy(often);
        assertThat(policy.getIntervalMillis()).isEqualTo(1000);
        assertThat(policy.getWhy()).contains("asked for");
    }

    /** Advice does not go away by itself, and maintenance may be two weeks ahead: meanwhile the machine may end without a word. */
    @Test
    void imagesAreMadeWhileAMachineIsOnlyLikelyToGo() {
        Job job = running("1s");
        scene.stub().setJobPolicy(SetJobPolicyRequest.newBuilder().setJob(job.getId()).setMostFrozen(1).build());
        one.announce(NodeNotices.newBuilder().addSources("aws-rebalance").addStanding(Notice.newBuilder().setId("node-1/aws-rebalance/e1").setNode("node-1").setSource("aws-rebalance").setEvent("e1").setKind(NoticeKind.ADVISORY).setConfidence(0.5)).build());
        await().atMost(SOON).until(() -> scene.stub().listEvacuations(ListEvacuationsRequest.getDefaultInstance()).getEvacuationsCount() == 1);
        long before = images(job);
        await().atMost(SOON).until(() -> images(job) >= before + 3);
    }

    @Test
    void aPolicyIsChangedWhileTheJobRuns() {
        Job job = running("never");
        JobPolicy auto = scene.stub().setJobPolicy(SetJobPolicyRequest.newBuilder().setJob(job.getId()).setCheckpoint("auto").build());
        assertThat(auto.getIntervalMillis()).isPositive();
        assertThat(auto.getMeanTimeMillis()).as("two days, as nothing is known: a day, and every second interruption costs work").isBetween(Duration.ofHours(47).toMillis(), Duration.ofHours(49).toMillis());
        assertThat(auto.getWhy()).contains("Daly");
        assertThat(CoordinatorScene.refusal(() -> scene.stub().setJobPolicy(SetJobPolicyRequest.newBuilder().setJob(job.getId()).setCheckpoint("often").build()))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
        assertThat(CoordinatorScene.refusal(() -> scene.stub().setJobPolicy(SetJobPolicyRequest.newBuilder().setJob(job.getId()).setMostFrozen(2).build()))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
        assertThat(CoordinatorScene.refusal(() -> scene.run(JobSpec.newBuilder().setCheckpointEvery("sometimes")))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
    }

    /** Nobody asked for images, and nobody said that there shall be none. */
    @Test
    void aLongJobOfAPoolThatLosesMachinesOftenIsNotWithoutImages() {
        Job silent = running("");
        Job never = running("never");
        Job brief = scene.awaitState(scene.run(JobSpec.newBuilder().setTimeLimitSeconds(60)).getId(), JobState.RUNNING);
        List<FakeNode> others = new ArrayList<>();
        for (int number = 2; number <= 9; number++) {
            others.add(scene.add("node-" + number));
        }
        await().atMost(SOON).until(() -> scene.stub().listPools(ListPoolsRequest.getDefaultInstance()).getPools(0).getNodes() == 9);
        for (int number = 2; number <= 9; number++) {
            others.get(number - 2).disconnect();
            scene.stub().confirmNodeGone(ConfirmGoneRequest.newBuilder().setNode("node-" + number).setSource("aws").setEvidence("terminated").build());
        }
        await().atMost(SOON).until(() -> policy(silent).getIntervalMillis() > 0);
        assertThat(policy(silent).getWhy()).contains("machines like its own are taken away often");
        assertThat(policy(never).getIntervalMillis()).isZero();
        assertThat(policy(brief).getIntervalMillis()).as("a minute").isZero();
    }

    /** One user's word must not keep all others from their images. */
    @Test
    void anIntervalOfAgesIsRefused() {
        String ages = "99999999999999999s";
        Job job = running("never");
        assertThat(CoordinatorScene.refusal(() -> scene.stub().setJobPolicy(SetJobPolicyRequest.newBuilder().setJob(job.getId()).setCheckpoint(ages).build()))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
        assertThat(CoordinatorScene.refusal(() -> scene.run(JobSpec.newBuilder().setCheckpointEvery(ages)))).isEqualTo(ErrorCode.INVALID_ARGUMENT);
    }

    /** Its images take longer than the time after which the next one is due. */
    @Test
    void aJobThatIsAlwaysDueDoesNotHaveItsNodeForItself() {
        Job always = running("1s");
        Job other = running("3s");
        for (Job job : List.of(always, other)) {
            scene.stub().setJobPolicy(SetJobPolicyRequest.newBuilder().setJob(job.getId()).setMostFrozen(1).build());
        }
        one.delay(ActionCase.DUMP, Duration.ofMillis(1500));
        await().atMost(SOON).until(() -> images(always) >= 2 && images(other) >= 2);
    }

    @Test
    void theLimitOfFrozenTimeIsStrongerThanWhatWasAskedFor() {
        Job job = running("1s");
        JobPolicy policy = policy(job);
        assertThat(policy.getIntervalMillis()).as("an image is taken to cost 2 s, of which 3 % are allowed").isGreaterThan(60_000);
        assertThat(policy.getWhy()).contains("freeze");
    }

    @Test
    void aJobThatCannotBeSavedIsNotFrozenAgainAndAgain() {
        one.fail(ActionCase.DUMP, ErrorCode.DUMP_IO_URING);
        Job job = running("1s");
        scene.stub().setJobPolicy(SetJobPolicyRequest.newBuilder().setJob(job.getId()).setMostFrozen(1).build());
        await().atMost(SOON).until(() -> one.actions().contains(ActionCase.DUMP));
        await().during(Duration.ofSeconds(3)).atMost(SOON).until(() -> one.actions().stream().filter(action -> action == ActionCase.DUMP).count() == 1);
    }

    /** Machines that vanish do so while an image is made, too: what came of that is no fault of the job. */
    @Test
    void aJobWhoseImageWasCutOffWithItsMachineIsSavedAgainOnTheNext() {
        Job job = running("1s");
        scene.stub().setJobPolicy(SetJobPolicyRequest.newBuilder().setJob(job.getId()).setMostFrozen(1).build());
        await().atMost(SOON).until(() -> images(job) >= 1);
        one.answer(ActionCase.DUMP, CoordinatorScene.silence());
        long before = one.actions().stream().filter(action -> action == ActionCase.DUMP).count();
        await().atMost(SOON).until(() -> one.actions().stream().filter(action -> action == ActionCase.DUMP).count() > before);
        scene.add("node-2");
        one.disconnect();
        scene.stub().confirmNodeGone(ConfirmGoneRequest.newBuilder().setNode("node-1").setSource("aws").setEvidence("terminated").build());
        scene.awaitJob(job.getId(), now -> now.getState() == JobState.RUNNING && now.getNode().equals("node-2"));
        long images = images(job);
        await().atMost(SOON).until(() -> images(job) > images);
    }

    @Test
    void anInterruptionRaisesTheHazardOfItsPool() {
        await().atMost(SOON).until(() -> scene.stub().listPools(ListPoolsRequest.getDefaultInstance()).getPoolsCount() == 1);
        Pool before = scene.stub().listPools(ListPoolsRequest.getDefaultInstance()).getPools(0);
        assertThat(before.getInterruptions()).isZero();
        assertThat(before.getNodes()).isEqualTo(1);
        one.announce(NodeNotices.newBuilder().addSources("aws-spot").addStanding(NoticesTest.notice("node-1", "aws-spot", "e1").setKind(NoticeKind.FINAL)).build());
        await().atMost(SOON).until(() -> scene.stub().listPools(ListPoolsRequest.getDefaultInstance()).getPools(0).getInterruptions() == 1);
        Pool after = scene.stub().listPools(ListPoolsRequest.getDefaultInstance()).getPools(0);
        assertThat(after.getUncovered()).as("no job was there").isZero();
        assertThat(after.getHazardPerHour()).isGreaterThan(2 * before.getHazardPerHour());
        scene.stub().confirmNodeGone(ConfirmGoneRequest.newBuilder().setNode("node-1").setSource("aws").setEvidence("terminated").build());
        one.disconnect();
        FakeNode two = scene.add("node-2");
        await().atMost(SOON).until(() -> scene.stub().listPools(ListPoolsRequest.getDefaultInstance()).getPools(0).getNodes() == 1);
        assertThat(two.actions()).isEmpty();
        assertThat(scene.stub().listPools(ListPoolsRequest.getDefaultInstance()).getPools(0).getInterruptions()).as("the end of one machine is one interruption").isEqualTo(1);
    }

    @Test
    void imagesThatWereAskedForLeaveTheOthersTheirPart() throws Exception {
        try (SqliteStateStore store = SqliteStateStore.open(folder.resolve("another"))) {
            List<String> beside =
                    store.transact(
                            state -> {
                                for (int life = 0; life < 8; life++) {
                                    state.put(Pools.LIFE, NodeLife.newBuilder().setId("gone-" + life).setNode("gone-" + life).setPool("p").setBeganAt(state.now() - 7_200_000).setEndedAt(state.now() - 3_600_000).setInterrupted(true).setUncovered(true).build());
                                }
                                for (String name : List.of("node-1", "node-2")) {
                                    state.put(Node.newBuilder().setName(name).setPool("p").setState(NodeState.READY).build());
                                }
                                long began = state.now() - Duration.ofDays(10).toMillis();
                                Job.Builder job = Job.newBuilder().setState(JobState.RUNNING).setStartedAt(began);
                                state.put(job.setId("j-unasked").setNode("node-2").build());
                                state.put(job.setId("j-asked").setNode("node-1").setStartedAt(began - 1).setSpec(JobSpec.newBuilder().setCheckpointEvery("1m")).build());
                                return Freshness.due(state, new Policies(EvacuationConfig.defaults()));
                            });
            assertThat(beside).containsExactly("j-asked", "j-unasked");
            List<String> after =
                    store.transact(
                            state -> {
                                state.put(Operation.newBuilder().setId("op-1").setJob("j-asked").setKind(OperationKind.CHECKPOINT).setState(OperationState.OPEN).setSourceNode("node-1").setCause(Freshness.CAUSE).build());
                                return Freshness.due(state, new Policies(EvacuationConfig.defaults()));
                            });
            assertThat(after).containsExactly("j-unasked");
        }
    }
}
