package dev.ferry.storage;

import java.nio.ByteBuffer;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * A fixed set of direct buffers, allocated and touched once: the memory spool between CRIU's pipes
 * and the store. Whoever takes a buffer owns it until it is given back; when none is free, taking
 * waits, which is the back-pressure that bounds the daemon's memory.
 */
public final class BufferPool {
    private static final int PAGE = 4096;

    private final BlockingQueue<ByteBuffer> free;
    private final int count;
    private final int bufferBytes;

    public BufferPool(int count, int bufferBytes) {
        this.count = count;
        this.bufferBytes = bufferBytes;
        free = new ArrayBlockingQueue<>(count);
        for (int i = 0; i < count; i++) {
            ByteBuffer buffer = ByteBuffer.allocateDirect(bufferBytes);
            for (int at = 0; at < bufferBytes; at += PAGE) {
                buffer.put(at, (byte) 0);
            }
            free.add(buffer);
        }
    }

    /** A cleared buffer; waits while none is free. */
    public ByteBuffer take() throws InterruptedException {
        return free.take().clear();
    }

    /** A cleared buffer, or null if none came free in time. */
    public @org.jspecify.annotations.Nullable ByteBuffer take(long time, TimeUnit unit) throws InterruptedException {
        ByteBuffer buffer = free.poll(time, unit);
        return buffer == null ? null : buffer.clear();
    }

    public void give(ByteBuffer buffer) {
        if (!free.offer(buffer)) {
            throw new IllegalStateException("a buffer was given back twice");
        }
    }

    public int bufferBytes() {
        return bufferBytes;
    }

    public int count() {
        return count;
    }

    public int available() {
        return free.size();
    }
}
