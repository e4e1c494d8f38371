package dev.ferry.coordinator.evacuation;

import dev.ferry.scheduling.fresh.FreshPolicy;
import java.time.Duration;
import java.util.List;

/**
 * How jobs are kept from losing work in a {@link Replay}.
 *
 * @param every time between two images; zero: by Daly's formula
 * @param budget whether what changed must fit into the notice, too
 * @param notices whether machines are emptied when they are told
 */
public record ReplayPolicy(String name, Duration every, boolean budget, boolean notices) {
    /** Fixed times. */
    public static ReplayPolicy every(String name, Duration time) {
        return new ReplayPolicy(name, time, false, false);
    }

    /** By cost and hazard, without what a cloud announces. */
    public static ReplayPolicy daly() {
        return new ReplayPolicy("daly", Duration.ZERO, false, false);
    }

    /** What {@code --checkpoint-every auto} does. */
    public static ReplayPolicy full() {
        return new ReplayPolicy("daly+budget+notices", Duration.ZERO, true, true);
    }

    /** What is compared when nothing else is asked for. */
    public static List<ReplayPolicy> usual() {
        return List.of(every("every 1h", Duration.ofHours(1)), every("every 10m", Duration.ofMinutes(10)), every("every 1m", Duration.ofMinutes(1)), daly(), full());
    }

    FreshPolicy fresh(double mostFrozen) {
        return new FreshPolicy(every.isZero() ? FreshPolicy.Mode.AUTO : FreshPolicy.Mode.EVERY, every, mostFrozen);
    }

    /** What this policy looks at of all that is known. */
    FreshPolicy.Facts seen(FreshPolicy.Facts all) {
        return budget ? all : new FreshPolicy.Facts(all.cost(), all.meanTime(), 0, all.linkBytesPerSecond(), Duration.ZERO, all.margin());
    }
}
