package dev.ferry.coordinator.evacuation;

import static dev.ferry.coordinator.CoordinatorScene.SOON;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.coordinator.CoordinatorScene;
import dev.ferry.coordinator.FakeNode;
import dev.ferry.coordinator.scheduling.SchedulingConfig;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.Drill;
import dev.ferry.proto.v1.DrillKind;
import dev.ferry.proto.v1.DrillNodeRequest;
import dev.ferry.proto.v1.DrillOutcome;
import dev.ferry.proto.v1.DrillRestoreRequest;
import dev.ferry.proto.v1.DrillState;
import dev.ferry.proto.v1.DrilledImage;
import dev.ferry.proto.v1.DrilledJob;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import dev.ferry.proto.v1.EvacuateNodeRequest;
import dev.ferry.proto.v1.EvacuationWay;
import dev.ferry.proto.v1.GetDrillRequest;
import dev.ferry.proto.v1.GetNodeRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.GetImageRequest;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListDrillsRequest;
import dev.ferry.proto.v1.ListImagesRequest;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.TriedRestore;
import io.grpc.StatusRuntimeException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Drills by a real coordinator, of daemons that are played. */
class DrillsTest extends OneNodeScene {
    private Drill drillNode(long noticeMillis) {
        return awaitEnd(scene.stub().drillNode(DrillNodeRequest.newBuilder().setNode("node-1").setNoticeMillis(noticeMillis).build()));
    }

    private Drill awaitEnd(Drill begun) {
        await().atMost(SOON).until(() -> drill(begun).getState() == DrillState.DRILL_DONE);
        return drill(begun);
    }

    private Drill drill(Drill begun) {
        return scene.stub().getDrill(GetDrillRequest.newBuilder().setDrill(begun.getId()).build());
    }

    private void checkpoint(Job job) {
        var unused = scene.awaitEnd(scene.stub().checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
    }

    private long dumps() {
        return one.actions().stream().filter(action -> action == Command.ActionCase.DUMP).count();
    }

    @Test
    void theImagesOfAnEvacuationAreMadeAndEveryJobRunsOnWhereItIs() {
        Job first = scene.running();
        Job second = scene.running();
        scene.add("node-2");
        Drill done = drillNode(120_000);
        assertThat(done.getJobsList()).extracting(DrilledJob::getJob).containsExactlyInAnyOrder(first.getId(), second.getId());
        assertThat(done.getJobsList()).allSatisfy(job -> {
            assertThat(job.getOutcome()).as(job.toString()).isEqualTo(DrillOutcome.WOULD_BE_SAVED);
            assertThat(job.getWay()).isEqualTo(EvacuationWay.WAY_MIGRATE);
            assertThat(job.getRoom()).isTrue();
            assertThat(job.getTookMillis()).isPositive();
            assertThat(scene.job(job.getJob()).getLatestImage()).isEqualTo(job.getImage());
        });
        for (Job job : List.of(first, second)) {
            Job now = scene.awaitState(job.getId(), JobState.RUNNING);
            assertThat(now.getNode()).isEqualTo("node-1");
            assertThat(now.getIncarnation()).isEqualTo(job.getIncarnation());
        }
        assertThat(one.commands()).filteredOn(Command::hasDump).allMatch(command -> !command.getDump().getStayFrozen());
        assertThat(scene.stub().getNode(GetNodeRequest.newBuilder().setNode("node-1").build()).getState()).isEqualTo(NodeState.READY);
    }

    @Test
    void withoutRoomElsewhereItSaysSo() {
        Job job = scene.running();
        DrilledJob drilled = drillNode(120_000).getJobs(0);
        assertThat(drilled.getJob()).isEqualTo(job.getId());
        assertThat(drilled.getRoom()).isFalse();
        assertThat(drilled.getWay()).isEqualTo(EvacuationWay.WAY_STORE);
        assertThat(drilled.getOutcome()).isEqualTo(DrillOutcome.WOULD_BE_SAVED);
    }

    @Test
    void aJobThatCantBeSavedIsNamedWithItsReasonAndNotTriedAgain() {
        var unused = scene.running();
        one.fail(Command.ActionCase.DUMP, ErrorCode.DUMP_IO_URING);
        DrilledJob drilled = drillNode(60_000).getJobs(0);
        assertThat(drilled.getOutcome()).isEqualTo(DrillOutcome.WOULD_BE_LOST);
        assertThat(drilled.getWhy()).contains("as the test says");
        assertThat(dumps()).isEqualTo(1);
    }

    @Test
    void anImageThatIsWholeAfterTheDeadlineIsTooLate() {
        var unused = scene.running();
        one.answer(Command.ActionCase.DUMP, CoordinatorScene.silence());
        // Longer than the margin, so that it is begun; shorter than it is answered in.
        Drill begun = scene.stub().drillNode(DrillNodeRequest.newBuilder().setNode("node-1").setNoticeMillis(3_000).build());
        await().atMost(SOON).until(() -> dumps() == 1);
        await().atMost(SOON).until(() -> System.currentTimeMillis() > begun.getDeadline());
        one.behave(Command.ActionCase.DUMP);
        one.connect(scene.grpcPort());
        assertThat(awaitEnd(begun).getJobs(0).getOutcome()).isEqualTo(DrillOutcome.WOULD_BE_TOO_LATE);
    }

    @Test
    void withoutTimeNothingIsBegun() {
        var unused = scene.running();
        DrilledJob drilled = drillNode(1).getJobs(0);
        assertThat(drilled.getOutcome()).isEqualTo(DrillOutcome.WOULD_BE_LOST);
        assertThat(dumps()).isZero();
    }

    @Test
    void aRealEvacuationBreaksItOff() {
        Job job = scene.running();
        one.answer(Command.ActionCase.DUMP, CoordinatorScene.silence());
        Drill begun = scene.stub().drillNode(DrillNodeRequest.newBuilder().setNode("node-1").setNoticeMillis(120_000).build());
        await().atMost(SOON).until(() -> dumps() == 1);
        var evacuation = scene.stub().evacuateNode(EvacuateNodeRequest.newBuilder().setNode("node-1").setDeadlineMillis(60_000).build());
        assertThat(evacuation.getJobsList()).extracting(evacuee -> evacuee.getJob()).containsExactly(job.getId());
        one.behave(Command.ActionCase.DUMP);
        one.connect(scene.grpcPort());
        assertThat(awaitEnd(begun).getBrokenOff()).contains("evacuated");
    }

    @Test
    void oneDrillIsMadeAtATimeAndGoesOnAfterARestart() throws Exception {
        var unused = scene.running();
        one.answer(Command.ActionCase.DUMP, CoordinatorScene.silence());
        Drill begun = scene.stub().drillNode(DrillNodeRequest.newBuilder().setNode("node-1").setNoticeMillis(120_000).build());
        await().atMost(SOON).until(() -> dumps() == 1);
        assertThat(CoordinatorScene.refusal(() -> scene.stub().drillRestore(DrillRestoreRequest.getDefaultInstance()))).isEqualTo(ErrorCode.OPERATION_IN_PROGRESS);
        scene.stop();
        one.behave(Command.ActionCase.DUMP);
        scene.start();
        assertThat(awaitEnd(begun).getJobs(0).getOutcome()).isEqualTo(DrillOutcome.WOULD_BE_SAVED);
        assertThat(dumps()).isEqualTo(1);
        assertThat(scene.stub().listDrills(ListDrillsRequest.newBuilder().setNode("node-1").build()).getDrillsList()).extracting(Drill::getId).containsExactly(begun.getId());
    }

    @Test
    void byTheClockEachNodeHasItsTurnAndImagesAreTried(@TempDir Path other) throws Exception {
        try (CoordinatorScene timed = new CoordinatorScene(other, SchedulingConfig.defaults(), new DrillConfig("1ms", "1m", "1ms", 1))) {
            for (String node : List.of("node-1", "node-2")) {
                timed.add(node).answer(Command.ActionCase.TRY_RESTORE, command -> tried(1));
            }
            var unused = timed.running();
            await().atMost(SOON).until(() -> {
                List<Drill> done = timed.stub().listDrills(ListDrillsRequest.getDefaultInstance()).getDrillsList();
                return done.stream().map(Drill::getNode).collect(Collectors.toSet()).equals(Set.of("", "node-1", "node-2"))
                        && done.stream().flatMap(drill -> drill.getImagesList().stream()).anyMatch(image -> image.getOutcome() == DrillOutcome.CAN_BE_RESTORED);
            });
        }
    }

    /** As many drills as are listed were made since a node had its turn: it was not forgotten that it had. */
    @Test
    void itIsKnownOfEachNodeWhenItHadItsTurnHoweverManyNodesThereAre() throws Exception {
        scene.stop();
        try (SqliteStateStore store = SqliteStateStore.open(folder.resolve("data"))) {
            store.transact(
                    state -> {
                        Drill.Builder old = Drill.newBuilder().setKind(DrillKind.DRILL_NODE).setState(DrillState.DRILL_DONE);
                        state.put(Drills.KIND, old.setId("dr-gone").setNode("node-that-is-gone").setBeganAt(1).build());
                        state.put(Drills.KIND, old.setId("dr-first").setNode("node-1").setBeganAt(2).build());
                        state.put(Drills.KIND, old.setId("dr-turn").setNode("node-1").setBeganAt(3).build());
                        for (int other = 0; other < 250; other++) {
                            state.put(Drills.KIND, Drill.newBuilder().setId("dr-" + other).setKind(DrillKind.DRILL_RESTORE).setState(DrillState.DRILL_DONE).setBeganAt(10 + other).build());
                        }
                        return true;
                    });
        }
        scene.start();
        var unused = awaitEnd(scene.stub().drillRestore(DrillRestoreRequest.getDefaultInstance()));
        scene.stop();
        try (SqliteStateStore store = SqliteStateStore.open(folder.resolve("data"))) {
            List<Drill> left = store.transact(state -> state.records(Drills.KIND, RecordQuery.of("node-1")));
            List<Drill> gone = store.transact(state -> state.records(Drills.KIND, RecordQuery.of("node-that-is-gone")));
            assertThat(left).extracting(Drill::getId).containsExactly("dr-turn");
            assertThat(gone).isEmpty();
        }
        scene.start();
    }

    private static Optional<CommandResult> tried(int processes) {
        return Optional.of(CommandResult.newBuilder().setTried(TriedRestore.newBuilder().setProcesses(processes)).build());
    }

    @Test
    void latestImagesAreTriedAndNothingChangesForTheirJobs() {
        Job job = scene.running();
        checkpoint(job);
        checkpoint(job);
        Job before = scene.job(job.getId());
        one.answer(Command.ActionCase.TRY_RESTORE, command -> tried(4));
        Drill done = awaitEnd(scene.stub().drillRestore(DrillRestoreRequest.newBuilder().setSample(5).build()));
        DrilledImage image = done.getImages(0);
        assertThat(done.getImagesCount()).isEqualTo(1);
        assertThat(List.of(image.getImage(), image.getJob(), image.getNode())).containsExactly(before.getLatestImage(), job.getId(), "node-1");
        assertThat(image.getOutcome()).isEqualTo(DrillOutcome.CAN_BE_RESTORED);
        assertThat(image.getProcesses()).isEqualTo(4);
        assertThat(scene.job(job.getId())).isEqualTo(before);
        assertThat(scene.stub().listImages(ListImagesRequest.newBuilder().setJob(job.getId()).build()).getImagesCount()).isEqualTo(2);
    }

    @Test
    void anImageThatCantBeRestoredIsNamed() {
        checkpoint(scene.running());
        one.fail(Command.ActionCase.TRY_RESTORE, ErrorCode.CHUNK_CORRUPT);
        DrilledImage image = awaitEnd(scene.stub().drillRestore(DrillRestoreRequest.getDefaultInstance())).getImages(0);
        assertThat(image.getOutcome()).isEqualTo(DrillOutcome.CANT_BE_RESTORED);
        assertThat(image.getWhy()).contains("as the test says");
    }

    @Test
    void anImageThatIsDeletedDuringItsTrialIsNotCalledBad() {
        Job job = scene.running();
        checkpoint(job);
        String image = scene.job(job.getId()).getLatestImage();
        one.answer(
                Command.ActionCase.TRY_RESTORE,
                command -> {
                    try {
                        var unused = scene.stub().deleteImage(GetImageRequest.newBuilder().setImage(image).build());
                    } catch (StatusRuntimeException played) {
                        // It leaves the catalogue first; in the store there is none, because the node that made it is played.
                    }
                    return Optional.of(CommandResult.newBuilder().setError(ErrorDetail.newBuilder().setCode(ErrorCode.IMAGE_NOT_FOUND).setMessage("a pack of it is gone")).build());
                });
        DrilledImage tried = awaitEnd(scene.stub().drillRestore(DrillRestoreRequest.getDefaultInstance())).getImages(0);
        assertThat(tried.getImage()).isEqualTo(image);
        assertThat(tried.getOutcome()).isEqualTo(DrillOutcome.NOT_TRIED);
        assertThat(tried.getWhy()).isEqualTo("it was deleted meanwhile");
    }

    @Test
    void whatOneNodeCantTryAnotherTries() {
        checkpoint(scene.running());
        FakeNode two = scene.add("node-2");
        one.answer(Command.ActionCase.TRY_RESTORE, command -> Optional.of(CommandResult.newBuilder().setTried(TriedRestore.newBuilder().setNotTried("no such mount")).build()));
        two.answer(Command.ActionCase.TRY_RESTORE, command -> tried(1));
        DrilledImage image = awaitEnd(scene.stub().drillRestore(DrillRestoreRequest.getDefaultInstance())).getImages(0);
        assertThat(image.getOutcome()).isEqualTo(DrillOutcome.CAN_BE_RESTORED);
        assertThat(image.getNode()).isEqualTo("node-2");
        two.answer(Command.ActionCase.TRY_RESTORE, command -> Optional.of(CommandResult.newBuilder().setTried(TriedRestore.newBuilder().setNotTried("nor here")).build()));
        DrilledImage left = awaitEnd(scene.stub().drillRestore(DrillRestoreRequest.getDefaultInstance())).getImages(0);
        assertThat(left.getOutcome()).isEqualTo(DrillOutcome.NOT_TRIED);
        assertThat(left.getWhy()).isEqualTo("nor here");
    }

    @Test
    void imagesThatNoDrillHasTriedComeFirst() {
        Job first = scene.running();
        checkpoint(first);
        one.answer(Command.ActionCase.TRY_RESTORE, command -> tried(1));
        assertThat(awaitEnd(scene.stub().drillRestore(DrillRestoreRequest.newBuilder().setSample(1).build())).getImages(0).getJob()).isEqualTo(first.getId());
        Job second = scene.awaitState(scene.run(JobSpec.newBuilder()).getId(), JobState.RUNNING);
        checkpoint(second);
        checkpoint(first);
        assertThat(awaitEnd(scene.stub().drillRestore(DrillRestoreRequest.newBuilder().setSample(1).build())).getImages(0).getJob()).as("the newest").isEqualTo(first.getId());
        assertThat(awaitEnd(scene.stub().drillRestore(DrillRestoreRequest.newBuilder().setSample(1).build())).getImages(0).getJob()).as("the one that was not tried").isEqualTo(second.getId());
    }
}
