package dev.ferry.node.notices;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.Clock;
import dev.ferry.node.notices.Announcement.Deadline;
import dev.ferry.proto.v1.Notice;
import dev.ferry.proto.v1.NoticeKind;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

class NoticeBoardTest {
    private final TestingClock clock = new TestingClock();
    private final NoticeBoard board = new NoticeBoard("node-1", clock);

    private static final class TestingClock implements Clock {
        long now = 1_000_000;

        @Override
        public long millis() {
            return now;
        }

        @Override
        public long nanos() {
            return now * 1_000_000;
        }
    }

    private record Source(String name, int looksUntilGone) implements NoticeSource {
        @Override
        public List<Announcement> look() {
            return List.of();
        }

        @Override
        public Duration pause() {
            return Duration.ZERO;
        }
    }

    private static Announcement after(Duration notice) {
        return new Announcement("event", NoticeKind.FINAL, new Deadline.After(notice), 1, "it ends");
    }

    @Test
    void whatIsSaidAgainChangesNothingAndItsDeadlineStays() {
        Source source = new Source("aws-spot", 1);
        assertThat(board.looked(source, List.of(after(Duration.ofSeconds(30))))).isTrue();
        Notice first = board.standing().getStanding(0);
        assertThat(first.getId()).isEqualTo("node-1/aws-spot/event");
        assertThat(first.getDeadline()).isEqualTo(1_030_000);
        assertThat(first.getSinceFirstSeen()).isTrue();
        clock.now += 10_000;
        assertThat(board.looked(source, List.of(after(Duration.ofSeconds(30))))).isFalse();
        assertThat(board.standing().getStanding(0).getDeadline()).isEqualTo(1_030_000);
        assertThat(board.standing().getStanding(0).getRemainingMillis()).isEqualTo(20_000);
    }

    @Test
    void aDeadlineThatIsOverIsToldAsSuch() {
        board.looked(new Source("aws-spot", 1), List.of(new Announcement("event", NoticeKind.FINAL, new Deadline.At(Instant.ofEpochMilli(400_000)), 1, "late")));
        assertThat(board.standing().getStanding(0).getRemainingMillis()).isEqualTo(-600_000);
        assertThat(board.standing().getStanding(0).getSinceFirstSeen()).isFalse();
    }

    @Test
    void oneThatMovesIsTold() {
        Source source = new Source("aws-spot", 1);
        board.looked(source, List.of(after(Duration.ofSeconds(30))));
        assertThat(board.looked(source, List.of(after(Duration.ofSeconds(90))))).isTrue();
        assertThat(board.standing().getStandingList()).hasSize(1);
        assertThat(board.standing().getStanding(0).getDeadline()).isEqualTo(1_090_000);
    }

    @Test
    void oneThatIsMissingOnceIsNotTakenBackYet() {
        Source source = new Source("aws-spot", 3);
        board.looked(source, List.of(after(Duration.ofSeconds(30))));
        assertThat(board.looked(source, List.of())).isFalse();
        assertThat(board.looked(source, List.of())).isFalse();
        assertThat(board.looked(source, List.of(after(Duration.ofSeconds(30))))).isFalse();
        assertThat(board.looked(source, List.of())).isFalse();
        assertThat(board.looked(source, List.of())).isFalse();
        assertThat(board.standing().getStandingList()).hasSize(1);
        assertThat(board.looked(source, List.of())).isTrue();
        assertThat(board.standing().getStandingList()).isEmpty();
        assertThat(board.standing().getSourcesList()).containsExactly("aws-spot");
    }

    @Test
    void aSourceThatWasNeverLookedAtIsNotNamed() {
        assertThat(board.standing().getSourcesList()).isEmpty();
        assertThat(board.looked(new Source("azure", 1), List.of())).isTrue();
        assertThat(board.standing().getSourcesList()).containsExactly("azure");
    }
}
