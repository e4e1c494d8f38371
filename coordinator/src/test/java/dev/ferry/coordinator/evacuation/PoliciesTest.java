package dev.ferry.coordinator.evacuation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.Image;
import dev.ferry.scheduling.fresh.FreshPolicy;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What the delta budget is when several jobs share a machine. */
class PoliciesTest {
    private static final long MIB = 1 << 20;
    private static final double CHANGED = 5.0 * MIB;

    /** Two images a minute apart of a job that changes 5 MiB in a second. */
    private static final List<Image> IMAGES =
            List.of(image(1_000_000, 4096 * MIB), image(1_060_000, (long) (60 * CHANGED)));

    private static Image image(long at, long sent) {
        return Image.newBuilder().setCreatedAt(at).setBytes(4096 * MIB).setSentBytes(sent).setFreezeMicros(500_000).build();
    }

    private static Duration interval(int jobs, Pace pace) {
        FreshPolicy.Facts facts = Policies.facts(Optional.of(IMAGES.getLast()), IMAGES, Duration.ofDays(30), pace, jobs, EvacuationConfig.defaults());
        return FreshPolicy.auto().interval(facts).orElseThrow().interval();
    }

    @Test
    void whatAllJobsOfAMachineChangeFitsIntoTheNotice() {
        Pace pace = new Pace(8192.0 * MIB, 200.0 * MIB, Duration.ofSeconds(1), 2);
        for (int jobs : new int[] {1, 2, 4, 8, 16}) {
            double sending = jobs * CHANGED * interval(jobs, pace).toMillis() / 1000 / pace.linkBytesPerSecond();
            double fixed = jobs * 1.0 / Math.min(jobs, pace.lanes());
            assertThat(sending + fixed).as("seconds until the last of %d is whole, of 30 less a margin of 2", jobs).isBetween(27.0, 28.01);
        }
    }

    @Test
    void ofManyJobsThatNeverFitDalyDecides() {
        Pace pace = new Pace(8192.0 * MIB, 200.0 * MIB, Duration.ofSeconds(4), 2);
        assertThat(interval(16, pace)).isEqualTo(interval(64, pace)).isGreaterThan(Duration.ofMinutes(10));
    }
}
