package dev.ferry.coordinator.evacuation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.coordinator.CoordinatorScene;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.proto.v1.EvacuateNodeRequest;
import dev.ferry.proto.v1.Evacuation;
import dev.ferry.proto.v1.EvacuationState;
import dev.ferry.proto.v1.GetNodeRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.NodeNotices;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Notice;
import dev.ferry.proto.v1.NoticeKind;
import dev.ferry.proto.v1.NoticeState;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A word under a name that was there before: the machine went on living, and has jobs again. */
class NoticesAgainTest extends OneNodeScene {
    private Job thereAgain() {
        await().atMost(CoordinatorScene.SOON).until(() -> scene.stub().getNode(GetNodeRequest.newBuilder().setNode("node-1").build()).getState() == NodeState.READY);
        return scene.awaitState(scene.run(JobSpec.newBuilder().setNode("node-1")).getId(), JobState.RUNNING);
    }

    private void awaitOnNodeTwo(Job job) {
        scene.awaitJob(job.getId(), now -> now.getNode().equals("node-2") && now.getState() == JobState.RUNNING && now.getOperation().isEmpty());
    }

    private void awaitEvacuated(int evacuations) {
        await().atMost(CoordinatorScene.SOON).untilAsserted(() -> assertThat(evacuations()).hasSize(evacuations).allSatisfy(one -> assertThat(one.getState()).isEqualTo(EvacuationState.EVACUATED)));
    }

    @Test
    void aHookThatSaysItAgainAfterAnUndrainEmptiesTheNodeAgain() {
        Job job = scene.running();
        scene.add("node-2");
        EvacuateNodeRequest request = EvacuateNodeRequest.newBuilder().setNode("node-1").setDeadlineMillis(90_000).setEvent("hook-1").build();
        Evacuation first = scene.stub().evacuateNode(request);
        awaitOnNodeTwo(job);
        awaitEvacuated(1);
        var unused = scene.stub().undrainNode(GetNodeRequest.newBuilder().setNode("node-1").build());
        Job later = thereAgain();
        Evacuation again = scene.stub().evacuateNode(request);
        assertThat(again.getId()).isNotEqualTo(first.getId());
        assertThat(again.getState()).isEqualTo(EvacuationState.EVACUATING);
        awaitOnNodeTwo(later);
        awaitEvacuated(2);
    }

    @Test
    void aNoticeThatIsTakenBackAndStandsAgainEmptiesTheNodeAgain() {
        Job job = scene.running();
        scene.add("node-2");
        NodeNotices nothing = NodeNotices.newBuilder().addSources("gcp-maintenance").build();
        NodeNotices standing =
                nothing.toBuilder().addStanding(NoticesTest.notice("node-1", "gcp-maintenance", "e1").setKind(NoticeKind.MAINTENANCE).setRemainingMillis(Duration.ofMinutes(10).toMillis())).build();
        one.announce(standing);
        awaitOnNodeTwo(job);
        awaitEvacuated(1);
        one.announce(nothing);
        Job later = thereAgain();
        one.announce(standing);
        awaitOnNodeTwo(later);
        awaitEvacuated(2);
    }

    /** As when its machine was gone, and another one of its name came. */
    @Test
    void whereJobsAreAWordThatWasDealtWithBeginsAnew() throws Exception {
        try (SqliteStateStore store = SqliteStateStore.open(folder.resolve("another"))) {
            Notice notice = Notice.newBuilder().setId(Notices.id("node-1", "operator", "e1")).setNode("node-1").setState(NoticeState.STANDING).setFirstSeenAt(1000).build();
            boolean ofNone =
                    store.transact(
                            state -> {
                                EvacuationRecords.put(state, Evacuation.newBuilder().setId("ev-1").setNode("node-1").setNotice(notice.getId()).setState(EvacuationState.EVACUATED).setEndedAt(2000).build());
                                return NoticesToEvacuations.mustBeginAnew(state, notice);
                            });
            boolean ofOne =
                    store.transact(
                            state -> {
                                state.put(Job.newBuilder().setId("j-1").setNode("node-1").setState(JobState.RUNNING).build());
                                return NoticesToEvacuations.mustBeginAnew(state, notice);
                            });
            boolean ofOneSaidSince = store.transact(state -> NoticesToEvacuations.mustBeginAnew(state, notice.toBuilder().setFirstSeenAt(3000).build()));
            assertThat(List.of(ofNone, ofOne, ofOneSaidSince)).containsExactly(false, true, false);
        }
    }
}
