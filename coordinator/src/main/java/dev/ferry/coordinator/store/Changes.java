package dev.ferry.coordinator.store;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/** Lets threads wait for the next change of a job, an operation or a node. */
public final class Changes {
    private final Map<String, Waiters> waiters = new ConcurrentHashMap<>();

    private static final class Waiters {
        final ReentrantLock lock = new ReentrantLock();
        final Condition changed = lock.newCondition();
        int count;
    }

    /** Those who wait for one of these look again. */
    public void tell(Iterable<String> keys) {
        for (String key : keys) {
            Waiters of = waiters.get(key);
            if (of != null) {
                of.lock.lock();
                try {
                    of.changed.signalAll();
                } finally {
                    of.lock.unlock();
                }
            }
        }
    }

    /**
     * Waits until something is so, looking after each change of a key.
     *
     * @return whether it is so; false when the time is over
     */
    public boolean await(String key, Duration atMost, BooleanSupplier condition) throws InterruptedException {
        Waiters mine =
                waiters.compute(
                        key,
                        (name, there) -> {
                            Waiters of = there == null ? new Waiters() : there;
                            of.count++;
                            return of;
                        });
        long left = atMost.toNanos();
        mine.lock.lock();
        try {
            while (!condition.getAsBoolean()) {
                if (left <= 0) {
                    return false;
                }
                // A change between the look and the wait can't be missed: it needs the lock to be told.
                left = mine.changed.awaitNanos(left);
            }
            return true;
        } finally {
            mine.lock.unlock();
            Object ignored = waiters.computeIfPresent(key, (name, of) -> --of.count == 0 ? null : of);
        }
    }
}
