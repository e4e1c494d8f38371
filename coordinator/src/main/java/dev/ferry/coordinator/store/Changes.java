package dev.ferry.coordinator.store;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/** Lets threads wait for the next change of a job, an operation or a node. Whoever tells of one waits for nobody's look. */
public final class Changes {
    private final Map<String, Waiters> waiters = new ConcurrentHashMap<>();

    private static final class Waiters {
        final ReentrantLock lock = new ReentrantLock();
        final Condition changed = lock.newCondition();
        int count;
        long told;
    }

    /** Those who wait for one of these look again. */
    public void tell(Iterable<String> keys) {
        for (String key : keys) {
            Waiters of = waiters.get(key);
            if (of != null) {
                of.lock.lock();
                try {
                    of.told++;
                    of.changed.signalAll();
                } finally {
                    of.lock.unlock();
                }
            }
        }
    }

    /**
     * Waits until something is so, looking after each change of a key, and a last time at the end.
     *
     * @param condition may take long, as a look into the store does
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
        long end = System.nanoTime() + atMost.toNanos();
        try {
            while (true) {
                // Read before the look: a change that comes during it is seen by the next.
                long before = told(mine);
                if (condition.getAsBoolean()) {
                    return true;
                }
                if (!awaitNews(mine, before, end)) {
                    return condition.getAsBoolean();
                }
            }
        } finally {
            Object ignored = waiters.computeIfPresent(key, (name, of) -> --of.count == 0 ? null : of);
        }
    }

    private static long told(Waiters mine) {
        mine.lock.lock();
        try {
            return mine.told;
        } finally {
            mine.lock.unlock();
        }
    }

    /**
     * @param end on the clock of {@link System#nanoTime}
     * @return false when the time is over
     */
    private static boolean awaitNews(Waiters mine, long before, long end) throws InterruptedException {
        mine.lock.lock();
        try {
            while (mine.told == before) {
                long left = end - System.nanoTime();
                if (left <= 0) {
                    return false;
                }
                long unused = mine.changed.awaitNanos(left);
            }
            return true;
        } finally {
            mine.lock.unlock();
        }
    }
}
