package dev.ferry.storage.image;

import java.nio.ByteBuffer;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Memory outside the heap for chunks on their way out of a store, used again and again: an array on the heap for each would be cleared, copied into a pipe by way of another
 * buffer, and collected. Blocks are made when they are first needed; when all are in use, and for what does not fit into one, there are arrays. Safe for threads.
 */
final class Blocks {
    /** A group of the longest chunks, as they are stored and plain. */
    static final int BYTES = 2 * ChunkSource.GROUP * PageCutter.MOST_BYTES;

    /** As many as may be fetched ahead, and some for those that are asked for now. */
    static final int MOST = 20;

    private final ConcurrentLinkedQueue<ByteBuffer> free = new ConcurrentLinkedQueue<>();
    private final AtomicInteger made = new AtomicInteger();

    /** A buffer of at least so many bytes, from 0 to its capacity; whoever takes it gives it back once. */
    ByteBuffer take(int bytes) {
        ByteBuffer block = bytes > BYTES ? null : free.poll();
        if (block != null) {
            return block.clear();
        }
        boolean more = bytes <= BYTES && made.getAndUpdate(count -> Math.min(MOST, count + 1)) < MOST;
        return more ? ByteBuffer.allocateDirect(BYTES) : ByteBuffer.allocate(bytes);
    }

    void give(ByteBuffer block) {
        if (block.isDirect()) {
            boolean ignored = free.offer(block);
        }
    }
}
