package dev.ferry.coordinator.nodes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.Clock;
import dev.ferry.proto.v1.Node;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class LeasesTest {
    private static final Duration LEASE = Duration.ofSeconds(10);
    private static final Duration GRACE = Duration.ofSeconds(1);
    private static final Node NODE = Node.newBuilder().setName("node-1").setLeaseMillis(LEASE.toMillis()).build();

    private final Hand time = new Hand();
    private final Leases leases = new Leases(new LeaseTerms(LEASE), false, time);

    private static final class Hand implements Clock {
        private long now = 77;

        @Override
        public long millis() {
            return 0;
        }

        @Override
        public long nanos() {
            return now;
        }

        void pass(Duration time) {
            now += time.toNanos();
        }
    }

    @Test
    void aLeaseIsOverATenthAfterItsEnd() {
        time.pass(Duration.ofHours(1));
        leases.answered("node-1");
        time.pass(LEASE.plus(GRACE).minusNanos(1));
        assertThat(leases.isOver(NODE)).isFalse();
        time.pass(Duration.ofNanos(1));
        assertThat(leases.isOver(NODE)).isTrue();
        leases.answered("node-1");
        assertThat(leases.left(NODE)).isEqualTo(LEASE.plus(GRACE));
    }

    @Test
    void whoHasJustStartedCountsEveryLeaseAsWhole() {
        assertThat(leases.left(NODE)).isEqualTo(LEASE.plus(GRACE));
        time.pass(LEASE.plus(GRACE));
        assertThat(leases.isOver(NODE)).isTrue();
        leases.countAnew();
        assertThat(leases.isOver(NODE)).isFalse();
    }

    @Test
    void aLongerLeaseThatWasGrantedBeforeIsWaitedFor() {
        Node longer = NODE.toBuilder().setLeaseMillis(60_000).build();
        time.pass(LEASE.multipliedBy(6));
        assertThat(leases.isOver(longer)).isFalse();
        time.pass(Duration.ofSeconds(6));
        assertThat(leases.isOver(longer)).isTrue();
    }

    @Test
    void aDaemonThatKnowsNoLeasesIsNeverTakenForFrozen() {
        Node without = NODE.toBuilder().clearLeaseMillis().build();
        time.pass(Duration.ofDays(1));
        assertThat(leases.isOver(without)).isFalse();
        assertThat(leases.left(without)).isZero();
    }

    @Test
    void anOlderWordOfTheStoreTakesNoNewerOneBack() {
        Leases shared = new Leases(new LeaseTerms(LEASE), true, time);
        long before = time.nanos();
        time.pass(LEASE);
        shared.confirmed(time.nanos());
        shared.confirmed(before);
        assertThat(shared.mayAnswer()).isTrue();
    }

    /** Its predecessor may answer for a while without knowing that it was deposed: that while is waited for. */
    @Test
    void aNewLeaderWaitsForTheWordOfTheOldOne() {
        Leases shared = new Leases(new LeaseTerms(LEASE), true, time);
        Duration word = LEASE.dividedBy(6);
        shared.confirmed(time.nanos());
        time.pass(word);
        assertThat(shared.mayAnswer()).isTrue();
        time.pass(Duration.ofNanos(1));
        assertThat(shared.mayAnswer()).isFalse();
        Leases next = new Leases(new LeaseTerms(LEASE), true, time);
        next.answered("node-1");
        time.pass(word.plus(LEASE).plus(GRACE).minusNanos(1));
        assertThat(next.isOver(NODE)).isFalse();
        time.pass(Duration.ofNanos(1));
        assertThat(next.isOver(NODE)).isTrue();
        assertThat(leases.mayAnswer()).as("alone it can't be deposed").isTrue();
    }
}
