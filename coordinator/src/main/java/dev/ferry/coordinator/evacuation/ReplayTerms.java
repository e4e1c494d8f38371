package dev.ferry.coordinator.evacuation;

import java.time.Duration;

/**
 * What is true of machines and jobs in a {@link Replay}: decisions don't know it, but see what images of the past tell.
 *
 * @param jobs on each machine
 * @param gpus of each job
 * @param freeze how long a job stands still for one image
 * @param restart until a job works again on another machine
 * @param stateBytes of each job
 * @param changedBytesPerSecond how fast a job makes what is not in its last image
 * @param linkBytesPerSecond of each machine, to the store
 * @param notice how long before its end a machine is told, where notices count
 * @param mostFrozen which share of its time a job may stand still for images, above 0 and at most 1
 */
public record ReplayTerms(
        int jobs, int gpus, Duration freeze, Duration restart, long stateBytes, double changedBytesPerSecond, double linkBytesPerSecond, Duration notice, double mostFrozen) {
    public ReplayTerms {
        boolean times = freeze.isPositive() && !restart.isNegative() && !notice.isNegative();
        if (jobs < 1 || gpus < 0 || !times || stateBytes < 1 || !(changedBytesPerSecond >= 0) || !(linkBytesPerSecond > 0) || !(mostFrozen > 0) || mostFrozen > 1) {
            throw new IllegalArgumentException("these can't be played: " + jobs + " jobs, " + gpus + " GPUs, " + freeze + ", " + restart + ", " + stateBytes + ", " + changedBytesPerSecond + ", " + linkBytesPerSecond + ", " + notice + ", " + mostFrozen);
        }
    }

    /** What an image sends after so much work since the last one. */
    long newBytes(long workedMillis) {
        return (long) Math.min((double) stateBytes, changedBytesPerSecond * workedMillis / 1000);
    }

    /** From an image's begin until it is whole in the store, when its job has the link for itself. */
    long imageMillis(long sentBytes) {
        return freeze.toMillis() + (long) Math.ceil(1000 * sentBytes / linkBytesPerSecond);
    }
}
