package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class LatenessTest {
    /** The clock may begin anywhere, also just before it overflows. */
    private static final long BEGIN = Long.MAX_VALUE - Duration.ofMillis(300).toNanos();

    private final Lateness lateness = new Lateness();

    private Duration answered(int begin, int end) {
        return lateness.answered(Duration.ofMillis(200), BEGIN + Duration.ofMillis(begin).toNanos(), BEGIN + Duration.ofMillis(end).toNanos());
    }

    @Test
    void whatIsUsualIsNotLate() {
        assertThat(answered(0, 200)).isZero();
        assertThat(answered(200, 390)).isZero();
    }

    @Test
    void answersInTurnAreEachLateByThemselves() {
        assertThat(answered(0, 500)).isEqualTo(Duration.ofMillis(300));
        assertThat(answered(500, 900)).isEqualTo(Duration.ofMillis(500));
    }

    @Test
    void readersWhoWaitTogetherWaitOnce() {
        assertThat(answered(0, 700)).isEqualTo(Duration.ofMillis(500));
        for (int reader = 0; reader < 8; reader++) {
            answered(reader, 700);
        }
        assertThat(answered(10, 710)).as("ten milliseconds more").isEqualTo(Duration.ofMillis(510));
    }
}
