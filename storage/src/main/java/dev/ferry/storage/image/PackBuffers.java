package dev.ferry.storage.image;

import dev.ferry.storage.ObjectStore;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A few arrays in which packs are put together and from which they are sent, shared by all images of a
 * process. Made when they are first needed.
 */
public final class PackBuffers {
    static final int BYTES = 16 << 20;
    static final int MOST = 4;
    /** Of the array that an image gets when all others are in use. */
    static final int SMALL_BYTES = 2 << 20;
    private final BlockingQueue<byte[]> free = new ArrayBlockingQueue<>(MOST);
    private final AtomicInteger made = new AtomicInteger();
    private final Duration longest;

    public PackBuffers() {
        this(ObjectStore.LONGEST_REQUEST);
    }

    /**
     * @param longest how long a store may take nothing at all
     */
    PackBuffers(Duration longest) {
        this.longest = longest;
    }

    Duration longest() {
        return longest;
    }

    /** One that nobody uses; null: all are in use. */
    byte @Nullable [] poll() {
        byte[] buffer = free.poll();
        if (buffer != null) {
            return buffer;
        }
        return made.getAndUpdate(count -> Math.min(MOST, count + 1)) < MOST ? new byte[BYTES] : null;
    }

    /** A small one beside the others, for an image that has nothing on its way whose end it could wait for. */
    static byte[] small() {
        return new byte[SMALL_BYTES];
    }

    void give(byte[] buffer) {
        if (buffer.length == BYTES && !free.offer(buffer)) {
            throw new IllegalStateException("a pack's buffer was given back twice");
        }
    }
}
