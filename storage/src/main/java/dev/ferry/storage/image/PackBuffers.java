package dev.ferry.storage.image;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A few arrays in which packs are put together and from which they are sent, shared by all images of a
 * process. Made when they are first needed. Whoever holds one never waits for a second.
 */
public final class PackBuffers {
    static final int BYTES = 16 << 20;
    static final int MOST = 4;
    /** Each request to a store has a deadline and a number of tries; this is longer than all of them. */
    private static final Duration LONGEST = Duration.ofMinutes(10);

    private final BlockingQueue<byte[]> free = new ArrayBlockingQueue<>(MOST);
    private final AtomicInteger made = new AtomicInteger();
    private final Duration longest;

    public PackBuffers() {
        this(LONGEST);
    }

    /**
     * @param longest how long one is waited for
     */
    PackBuffers(Duration longest) {
        this.longest = longest;
    }

    /**
     * @throws FerryException STORE_UNREACHABLE when none is given back for so long that the store must have stopped taking packs
     */
    byte[] take() throws InterruptedException {
        byte[] buffer = free.poll();
        if (buffer != null) {
            return buffer;
        }
        if (made.getAndUpdate(count -> Math.min(MOST, count + 1)) < MOST) {
            return new byte[BYTES];
        }
        byte[] given = free.poll(longest.toMillis(), TimeUnit.MILLISECONDS);
        if (given == null) {
            throw new FerryException(ErrorCode.STORE_UNREACHABLE, "None of " + MOST + " packs that are sent to the store has been taken within " + longest.toSeconds() + " s");
        }
        return given;
    }

    void give(byte[] buffer) {
        if (!free.offer(buffer)) {
            throw new IllegalStateException("a pack's buffer was given back twice");
        }
    }
}
