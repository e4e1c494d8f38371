package dev.ferry.node.jobs;

import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.LongFunction;

/**
 * Numbers the streams on which orders come. A stream begins with the word of all that is here, and the coordinator decides
 * by that word; so an order of an earlier stream that has not been begun by then must never be begun. Nothing is lost:
 * what is still wanted is ordered again on the new stream.
 */
final class OrderStreams {
    private final ReadWriteLock lock = new ReentrantReadWriteLock();
    private volatile long current;

    long current() {
        return current;
    }

    /** Begins a stream: no order of an earlier one is begun while its first word is made, nor after it. */
    <T> T begin(LongFunction<T> firstWord) {
        lock.writeLock().lock();
        try {
            current++;
            return firstWord.apply(current);
        } finally {
            lock.writeLock().unlock();
        }
    }

    /** Does something with the number of the stream that counts; the next one begins only when it is done. */
    <T> T during(LongFunction<T> act) {
        lock.readLock().lock();
        try {
            return act.apply(current);
        } finally {
            lock.readLock().unlock();
        }
    }
}
