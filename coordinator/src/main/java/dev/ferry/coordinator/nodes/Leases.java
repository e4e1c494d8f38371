package dev.ferry.coordinator.nodes;

import dev.ferry.common.Clock;
import dev.ferry.proto.v1.Node;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The nodes' leases as the coordinator counts them: on its monotonic clock, from the last answer to each node. One that has just
 * started does not know what the one before has answered, and counts every lease as whole from its own start, and from the last
 * moment at which one that was deposed may still have answered. Nothing here is written down. Safe for threads.
 */
public final class Leases {
    private final LeaseTerms terms;
    private final Clock clock;
    private final boolean canBeDeposed;
    private volatile long startedNanos;
    private final Map<String, Long> answeredNanos = new ConcurrentHashMap<>();
    private final AtomicLong confirmedNanos;

    /**
     * @param canBeDeposed whether another coordinator may lead without this one's knowledge
     */
    public Leases(LeaseTerms terms, boolean canBeDeposed, Clock clock) {
        this.terms = terms;
        this.clock = clock;
        this.canBeDeposed = canBeDeposed;
        startedNanos = clock.nanos();
        confirmedNanos = new AtomicLong(startedNanos);
    }

    LeaseTerms terms() {
        return terms;
    }

    /** This coordinator has been away for a while: whom it would have answered, nobody knows. It counts as one that has just started. */
    void countAnew() {
        startedNanos = clock.nanos();
    }

    /** The store has said that this coordinator leads, asked at this reading of the monotonic clock. Of several answers the one that was asked last holds. */
    void confirmed(long nanos) {
        long ignored = confirmedNanos.accumulateAndGet(nanos, (before, now) -> now - before > 0 ? now : before);
    }

    /** Whether a heartbeat may be answered: not by a coordinator that may have been deposed for longer than its successor allows for. */
    boolean mayAnswer() {
        return !canBeDeposed || clock.since(confirmedNanos.get()).compareTo(terms.leaderWord()) <= 0;
    }

    /** A node is about to be answered: called before the answer is said, so that the daemon counts no longer than we do. */
    void answered(String node) {
        answeredNanos.put(node, clock.nanos());
    }

    /** How long it is until a node's lease has surely ended; zero: it has, or the node has none. */
    Duration left(Node node) {
        Duration left = length(node).minus(counted(node));
        return node.getLeaseMillis() == 0 || left.isNegative() ? Duration.ZERO : left;
    }

    /** Whether all that keeps a lease on a node is frozen. Never true for a daemon that knows nothing of leases. */
    boolean isOver(Node node) {
        return node.getLeaseMillis() > 0 && left(node).isZero();
    }

    private Duration counted(Node node) {
        Duration sinceStart = clock.since(startedNanos);
        Duration asWhole = canBeDeposed ? sinceStart.minus(terms.leaderWord()) : sinceStart;
        Long answered = answeredNanos.get(node.getName());
        Duration sinceAnswer = answered == null ? asWhole : clock.since(answered);
        return sinceAnswer.compareTo(asWhole) < 0 ? sinceAnswer : asWhole;
    }

    /** By the longer of what it may have been granted and what is granted now. */
    private Duration length(Node node) {
        Duration granted = Duration.ofMillis(Math.max(node.getLeaseMillis(), terms.lease().toMillis()));
        return granted.plus(LeaseTerms.grace(granted));
    }
}
