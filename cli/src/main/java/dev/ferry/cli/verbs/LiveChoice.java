package dev.ferry.cli.verbs;

import dev.ferry.proto.v1.CheckpointEstimate;
import dev.ferry.proto.v1.DumpEstimate;
import java.time.Duration;

/**
 * Whether it pays to copy a job's memory ahead of a migration. What that takes out of the outage is the work behind the freeze: naming, compressing
 * and sending what the store has not. Copying ahead takes several times as long and costs the node, so that it must be worth noticing.
 */
public final class LiveChoice {
    private static final Duration WORTH_IT = Duration.ofSeconds(1);
    private static final double MICROS = 1e6;

    private LiveChoice() {}

    /**
     * How much shorter the outage of a job would be, as far as dumps on its node tell.
     *
     * @param estimate of its node
     */
    public static Duration saved(DumpEstimate estimate) {
        if (estimate.getBehindBytesPerSecond() <= 0) {
            return Duration.ZERO;
        }
        double whole = MICROS * estimate.getMemoryBytes() / estimate.getBehindBytesPerSecond();
        return Duration.ofNanos(Math.max(0, Math.round(1000 * (whole - estimate.getFreezeMicros()))));
    }

    /** Never where the job has an image: of what is in the store already nothing is compressed and sent, frozen or not. */
    static boolean pays(CheckpointEstimate estimate) {
        return !estimate.hasLatestImage() && saved(estimate.getDump()).compareTo(WORTH_IT) >= 0;
    }
}
