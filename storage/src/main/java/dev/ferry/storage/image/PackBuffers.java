package dev.ferry.storage.image;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A few arrays in which packs are put together and from which they are sent, shared by all images of a
 * process. Made when they are first needed. Whoever holds one never waits for a second.
 */
public final class PackBuffers {
    static final int BYTES = 16 << 20;
    private static final int MOST = 4;

    private final BlockingQueue<byte[]> free = new ArrayBlockingQueue<>(MOST);
    private final AtomicInteger made = new AtomicInteger();

    byte[] take() throws InterruptedException {
        byte[] buffer = free.poll();
        if (buffer != null) {
            return buffer;
        }
        if (made.getAndUpdate(count -> Math.min(MOST, count + 1)) < MOST) {
            return new byte[BYTES];
        }
        return free.take();
    }

    void give(byte[] buffer) {
        if (!free.offer(buffer)) {
            throw new IllegalStateException("a pack's buffer was given back twice");
        }
    }
}
