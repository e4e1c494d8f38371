package dev.ferry.coordinator.scheduling;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.Clock;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class WallStepsTest {
    private long millis = 1_700_000_000_000L;
    private long nanos = -5;

    private final WallSteps steps =
            new WallSteps(
                    new Clock() {
                        @Override
                        public long millis() {
                            return millis;
                        }

                        @Override
                        public long nanos() {
                            return nanos;
                        }
                    });

    private void pass(long time, long wall) {
        nanos += TimeUnit.MILLISECONDS.toNanos(time);
        millis += wall;
    }

    @Test
    void timeThatPassesIsNoStep() {
        pass(86_400_000, 86_400_000);
        assertThat(steps.pending()).isZero();
    }

    @Test
    void aStepIsPendingUntilItIsTakenInBothDirections() {
        pass(1000, 9_001_000);
        assertThat(steps.pending()).isEqualTo(9_000_000);
        assertThat(steps.pending()).as("the database failed meanwhile").isEqualTo(9_000_000);
        steps.taken(9_000_000);
        assertThat(steps.pending()).isZero();
        pass(1000, -8_999_000);
        assertThat(steps.pending()).isEqualTo(-9_000_000);
    }

    @Test
    void smallOnesAddUp() {
        pass(1000, 4000);
        assertThat(steps.pending()).isZero();
        pass(1000, 4000);
        assertThat(steps.pending()).isEqualTo(6000);
    }
}
