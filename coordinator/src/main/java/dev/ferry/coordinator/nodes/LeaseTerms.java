package dev.ferry.coordinator.nodes;

import java.time.Duration;

/**
 * How long leases are and how they are counted. A daemon counts its lease from the moment at which it sent what
 * was answered, and has its jobs frozen a sixth of it before the end; the coordinator counts from the answer, which is
 * later, and a tenth longer. So no job runs when the coordinator says that the lease is over as long as two machines'
 * clocks drift apart by less than a tenth ({@code docs/leases.md}).
 *
 * @param lease what a daemon is granted with each answer
 */
public record LeaseTerms(Duration lease) {
    private static final int GRACE_PART = 10;
    private static final int LEADER_PART = 6;

    /** What is waited behind the end of a lease, for clocks that run at different speeds. */
    static Duration grace(Duration lease) {
        return lease.dividedBy(GRACE_PART);
    }

    /** For how long a coordinator that has read that it leads answers heartbeats without reading it again. */
    Duration leaderWord() {
        return lease.dividedBy(LEADER_PART);
    }
}
