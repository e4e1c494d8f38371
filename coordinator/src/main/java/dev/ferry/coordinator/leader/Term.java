package dev.ferry.coordinator.leader;

import dev.ferry.common.Clock;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.store.LeaderRow;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The time in which this coordinator may take itself for the leader. It is counted on this machine's monotonic clock from
 * before the renewal was asked for, so it ends before the database lets another one lead; a renewal that is not answered
 * counts as none. It is not renewed any more when the coordinator has given no sign of life for a while: this thread would go on
 * for ever, also where all others hang, and nobody else would lead.
 */
public final class Term implements Leads, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Term.class);
    /** Clocks of two machines may run apart by this part of the time; 1 in 100 is far more than any that works. */
    private static final int DRIFT = 100;
    /** A coordinator that starts takes up all open operations before it gives its first sign. */
    private static final Duration START = Duration.ofMinutes(5);
    /** After how many lengths of a term without a sign of life it hangs. */
    private static final int SILENT_TERMS = 4;

    private final LeaderRow row;
    private final long epoch;
    private final Duration length;
    private final Clock clock;
    private final CountDownLatch closed = new CountDownLatch(1);
    private final CountDownLatch over = new CountDownLatch(1);
    private final Thread renewal;
    private volatile long end;
    private volatile long hangsAt;

    /**
     * @param askedNanos the clock before the epoch was asked for
     */
    Term(LeaderRow row, long epoch, Duration length, Clock clock, long askedNanos) {
        this.row = row;
        this.epoch = epoch;
        this.length = length;
        this.clock = clock;
        end = endOf(askedNanos);
        hangsAt = askedNanos + START.toNanos();
        renewal = Thread.ofPlatform().daemon().name("term").start(this::renew);
    }

    private long endOf(long askedNanos) {
        return askedNanos + length.toNanos() - length.toNanos() / DRIFT;
    }

    @Override
    public long epoch() {
        return epoch;
    }

    @Override
    public boolean holds() {
        return over.getCount() > 0 && clock.nanos() - end < 0;
    }

    @Override
    public void lives() {
        hangsAt = clock.nanos() + length.multipliedBy(SILENT_TERMS).toNanos();
    }

    private void renew() {
        long pauseMillis = Math.max(10, length.toMillis() / 5);
        try {
            while (!closed.await(pauseMillis, TimeUnit.MILLISECONDS)) {
                long asked = clock.nanos();
                if (asked - hangsAt > 0) {
                    LOG.error("epoch {} is given up: this coordinator has not been able to look at its nodes for {} s", epoch, length.multipliedBy(SILENT_TERMS).toSeconds());
                    break;
                }
                try {
                    if (!row.renew(epoch, length)) {
                        LOG.warn("epoch {} is over: another coordinator leads", epoch);
                        break;
                    }
                    end = endOf(asked);
                } catch (FerryException failed) {
                    LOG.warn("epoch {} could not be renewed: {}", epoch, failed.getMessage());
                }
                if (!holds()) {
                    LOG.warn("epoch {} ran out before it could be renewed", epoch);
                    break;
                }
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        } finally {
            over.countDown();
        }
    }

    /** Waits until this coordinator no longer leads. */
    void awaitEnd() throws InterruptedException {
        over.await();
    }

    /** It holds no longer, whatever the database says. */
    void giveUp() {
        over.countDown();
        closed.countDown();
    }

    /** Gives the epoch back. */
    @Override
    public void close() throws InterruptedException {
        giveUp();
        renewal.join();
        try {
            row.resign(epoch);
        } catch (FerryException failed) {
            LOG.info("epoch {} could not be given back, it runs out by itself: {}", epoch, failed.getMessage());
        }
    }
}
