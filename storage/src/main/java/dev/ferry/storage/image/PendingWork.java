package dev.ferry.storage.image;

import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * Counts pieces and windows between their hand-over and their end. Those that lie on the heap and not in a buffer of
 * the pool are bounded in bytes: handing over waits while there are too many.
 */
final class PendingWork {
    private static final long MOST_HEAP_BYTES = 16 << 20;

    private long windows;
    private long heapBytes;

    /**
     * @param onHeap bytes that no pool bounds
     */
    synchronized void begin(int onHeap) throws InterruptedException {
        while (!tryBegin(onHeap)) {
            wait();
        }
    }

    /** @return false: there are too many, nothing is counted */
    synchronized boolean tryBegin(int onHeap) {
        if (onHeap > 0 && heapBytes > 0 && heapBytes + onHeap > MOST_HEAP_BYTES) {
            return false;
        }
        beginNow(onHeap);
        return true;
    }

    /** Counts without waiting. */
    synchronized void beginNow(int onHeap) {
        heapBytes += onHeap;
        windows++;
    }

    synchronized void end(int onHeap) {
        heapBytes -= onHeap;
        windows--;
        notifyAll();
    }

    /** @return false: some are still there after that time */
    synchronized boolean awaitNone(Duration atMost) throws InterruptedException {
        long end = System.nanoTime() + atMost.toNanos();
        while (windows > 0) {
            long left = end - System.nanoTime();
            if (left <= 0) {
                return false;
            }
            TimeUnit.NANOSECONDS.timedWait(this, left);
        }
        return true;
    }

    synchronized long count() {
        return windows;
    }
}
