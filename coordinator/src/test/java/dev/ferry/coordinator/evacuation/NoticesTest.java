package dev.ferry.coordinator.evacuation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.NodeNotices;
import dev.ferry.proto.v1.Notice;
import dev.ferry.proto.v1.NoticeKind;
import dev.ferry.proto.v1.NoticeState;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NoticesTest {
    @TempDir Path folder;
    private final List<String> changed = new ArrayList<>();
    private StateStore store;
    private Notices notices;

    @BeforeEach
    void open() throws Exception {
        store = SqliteStateStore.open(folder);
        notices = new Notices(store);
        notices.onChange(changed::add);
    }

    @AfterEach
    void close() {
        store.close();
    }

    static Notice.Builder notice(String node, String source, String event) {
        return Notice.newBuilder().setId(Notices.id(node, source, event)).setNode(node).setSource(source).setEvent(event).setKind(NoticeKind.FINAL).setConfidence(1).setRemainingMillis(30_000).setDetail("it ends");
    }

    private static NodeNotices told(Notice.Builder... standing) {
        NodeNotices.Builder told = NodeNotices.newBuilder().addSources("aws-spot").addSources("aws-maintenance");
        for (Notice.Builder one : standing) {
            told.addStanding(one);
        }
        return told.build();
    }

    private List<Notice> standing() {
        return notices.list("", false).getNoticesList();
    }

    @Test
    void oneThatIsToldAgainIsOneRecordWithItsFirstDeadline() {
        notices.reported("node-1", told(notice("node-1", "aws-spot", "e1")));
        long deadline = standing().getFirst().getDeadline();
        long written = standing().getFirst().getChangedAt();
        notices.reported("node-1", told(notice("node-1", "aws-spot", "e1").setRemainingMillis(29_500)));
        notices.reported("node-1", told(notice("node-1", "aws-spot", "e1").setRemainingMillis(30_400)));
        assertThat(standing()).hasSize(1);
        assertThat(standing().getFirst().getDeadline()).isEqualTo(deadline);
        assertThat(standing().getFirst().getChangedAt()).isEqualTo(written);
        notices.reported("node-1", told(notice("node-1", "aws-spot", "e1").setRemainingMillis(60_000)));
        assertThat(standing().getFirst().getDeadline()).isGreaterThan(deadline);
        // Each time: whoever heard it the last time may have ended before it was dealt with.
        assertThat(changed).hasSize(4);
    }

    /** Its source gives no time, so the daemon counts from when it saw the notice first, and after a restart from then. */
    @Test
    void aDaemonThatWasRestartedDoesNotPostponeTheEnd() {
        notices.reported("node-1", told(notice("node-1", "gcp-preempted", "e1").setSinceFirstSeen(true).setRemainingMillis(30_000)));
        long deadline = standing().getFirst().getDeadline();
        notices.reported("node-1", told(notice("node-1", "gcp-preempted", "e1").setSinceFirstSeen(true).setRemainingMillis(60_000)));
        assertThat(standing().getFirst().getDeadline()).isEqualTo(deadline);
        notices.reported("node-1", told(notice("node-1", "gcp-preempted", "e1").setSinceFirstSeen(true).setRemainingMillis(10_000)));
        assertThat(standing().getFirst().getDeadline()).isLessThan(deadline);
    }

    @Test
    void oneThatIsNotAnnouncedAnyMoreIsTakenBack() {
        notices.reported("node-1", told(notice("node-1", "aws-maintenance", "e1").setKind(NoticeKind.MAINTENANCE)));
        notices.reported("node-1", told());
        assertThat(standing()).isEmpty();
        assertThat(notices.list("node-1", true).getNoticesList()).extracting(Notice::getState).containsExactly(NoticeState.WITHDRAWN);
        assertThat(changed).hasSize(2);
    }

    @Test
    void whatADaemonHasNotLookedAtSinceItsStartStands() {
        notices.reported("node-1", told(notice("node-1", "aws-spot", "e1")));
        notices.reported("node-1", NodeNotices.newBuilder().addSources("aws-maintenance").build());
        assertThat(standing()).hasSize(1);
        notices.reported("node-2", told());
        assertThat(standing()).hasSize(1);
    }

    @Test
    void whatIsNoNoticeIsPassedOver() {
        notices.reported("node-1", told(notice("node-2", "aws-spot", "of another node")));
        notices.reported("node-1", told(notice("node-1", "aws-spot", "of another node by its field alone").setNode("node-2")));
        notices.reported("node-1", told(notice("node-1", "aws-spot", "")));
        notices.reported("node-1", told(notice("node-1", "aws-spot", "e1").setKind(NoticeKind.NOTICE_KIND_UNSPECIFIED)));
        notices.reported("node-1", told(notice("node-1", "aws-spot", "e1").setConfidence(Double.NaN)));
        notices.reported("node-1", told(notice("node-1", "aws-spot", "e".repeat(600))));
        assertThat(standing()).isEmpty();
    }

    @Test
    void itOutlivesTheCoordinator() throws Exception {
        notices.reported("node-1", told(notice("node-1", "aws-spot", "e1").setRemainingMillis(-5_000)));
        store.close();
        store = SqliteStateStore.open(folder);
        assertThat(new Notices(store).list("node-1", false).getNoticesList()).hasSize(1).allSatisfy(one -> assertThat(one.getDeadline()).isLessThan(System.currentTimeMillis()));
    }
}
