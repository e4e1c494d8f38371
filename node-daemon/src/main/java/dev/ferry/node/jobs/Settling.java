package dev.ferry.node.jobs;

import java.time.Duration;

/**
 * What a late call of the GPU's driver has left, or a lease that ended in the middle, nobody would order to take up: it is tried until the job is as its record says. While the job is
 * unsettled exactly one try is waiting or under way.
 *
 * <p>All of it runs on the job's queue, one piece after the other: that, and no lock, guards its fields.
 */
final class Settling {
    private static final Duration FIRST = Duration.ofSeconds(1);
    private static final Duration LAST = Duration.ofSeconds(32);

    private final LocalJob job;
    private final WorkQueue work;
    private final LifeEnd life;
    /** After how long the next try is made; it doubles with each. */
    private Duration after = FIRST;
    private boolean soon;

    Settling(LocalJob job, WorkQueue work, LifeEnd life) {
        this.job = job;
        this.work = work;
        this.life = life;
    }

    /** Looks whether the job is as its record says; if it is not, a try comes, unless one is waiting. */
    void settleLater() {
        if (!Recovery.isUnsettled(job)) {
            after = FIRST;
        } else if (!soon) {
            soon = true;
            work.addLater(after, this::settle);
        }
    }

    private void settle() {
        soon = false;
        if (Recovery.isUnsettled(job)) {
            after = after.compareTo(LAST) < 0 ? after.multipliedBy(2) : after;
            life.lively("settling", () -> Recovery.goOn(job));
        }
        settleLater();
    }
}
