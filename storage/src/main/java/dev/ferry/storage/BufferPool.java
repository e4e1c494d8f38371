package dev.ferry.storage;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A fixed set of direct buffers, allocated and touched once: the memory spool between CRIU's pipes
 * and the store. Whoever takes a buffer owns it until it is given back; when none is free, taking
 * waits, which is the back-pressure that bounds the daemon's memory. A pool may have a spool on a disk:
 * then buffers that only wait are emptied into it before the last one is gone.
 */
public final class BufferPool {
    private static final int PAGE = 4096;
    /** One of so many buffers is kept free for whoever empties a pipe, as long as the disk takes the others. */
    private static final int RESERVE = 32;

    private final BlockingQueue<ByteBuffer> free;
    private final int count;
    private final int bufferBytes;
    private final @Nullable DiskSpool disk;

    public BufferPool(int count, int bufferBytes) {
        this(count, bufferBytes, null);
    }

    /**
     * @param disk where bytes wait when memory is full; its slots are as long as a buffer; null: nowhere
     */
    public BufferPool(int count, int bufferBytes, @Nullable DiskSpool disk) {
        this(IntStream.range(0, count).mapToObj(each -> ByteBuffer.allocateDirect(bufferBytes)).toList(), disk);
    }

    /**
     * @param buffers direct ones of one length, of zeros; they are touched here
     * @param disk as of the other
     */
    public BufferPool(List<ByteBuffer> buffers, @Nullable DiskSpool disk) {
        this.disk = disk;
        count = buffers.size();
        bufferBytes = buffers.getFirst().capacity();
        free = new ArrayBlockingQueue<>(count, false, buffers);
        for (ByteBuffer buffer : buffers) {
            for (int at = 0; at < bufferBytes; at += PAGE) {
                buffer.put(at, (byte) 0);
            }
        }
    }

    /** A cleared buffer; waits while none is free. */
    public ByteBuffer take() throws InterruptedException {
        return free.take().clear();
    }

    /** A cleared buffer, or null if none came free in time. */
    public @Nullable ByteBuffer take(long time, TimeUnit unit) throws InterruptedException {
        ByteBuffer buffer = free.poll(time, unit);
        return buffer == null ? null : buffer.clear();
    }

    public void give(ByteBuffer buffer) {
        if (!free.offer(buffer)) {
            throw new IllegalStateException("a buffer was given back twice");
        }
    }

    /** Where what waits should go now; null: it stays in its buffer. */
    public @Nullable DiskSpool overflow() {
        return available() < Math.max(1, count / RESERVE) ? disk : null;
    }

    /** Bytes that its spool on the disk can take now. */
    public long freeDiskBytes() {
        return disk == null ? 0 : disk.freeBytes();
    }

    /**
     * Makes ready for so many bytes at once, as far as the spool on the disk is wanted for them: fresh pages of a file
     * cost much more than such as were used before, and the time for them is not to be taken while a job stands still.
     */
    public void prepare(long bytes) {
        long onDisk = bytes - (long) available() * bufferBytes;
        if (disk != null) {
            disk.tryAgain();
        }
        if (disk != null && onDisk > 0) {
            disk.touch(onDisk);
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
