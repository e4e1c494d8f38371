package dev.ferry.storage.image;

import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicInteger;

/** Bytes of a run as they came, used by its cutter and by each window that has a part of them; freed after the last. */
final class Piece {
    private final ByteBuffer bytes;
    private final Runnable free;
    private final AtomicInteger users = new AtomicInteger(1);

    /**
     * @param bytes from position to limit
     */
    Piece(ByteBuffer bytes, Runnable free) {
        this.bytes = bytes;
        this.free = free;
    }

    /** The bytes; position and limit must not be changed. */
    ByteBuffer bytes() {
        return bytes;
    }

    Piece use() {
        users.incrementAndGet();
        return this;
    }

    void release() {
        if (users.decrementAndGet() == 0) {
            free.run();
        }
    }
}
