package dev.ferry.storage.image;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Chunks that were fetched together and verified, in memory that is used again after {@link #close}. */
final class Fetched implements AutoCloseable {
    private final Blocks blocks;
    private final List<ByteBuffer> stored = new ArrayList<>();
    private final List<ByteBuffer> plain = new ArrayList<>();
    private final ByteBuffer block;
    private boolean closed;

    /**
     * @param block of {@link Blocks#take}, which goes back at the end
     */
    Fetched(Blocks blocks, ByteBuffer block) {
        this.blocks = blocks;
        this.block = block;
    }

    /** Closes what nobody waits for any more, as soon as it has been fetched. */
    static void closeWhenThere(CompletableFuture<Fetched> unwanted) {
        var ignored = unwanted.thenAccept(Fetched::close);
    }

    void add(ByteBuffer storedBytes, ByteBuffer plainBytes) {
        stored.add(storedBytes);
        plain.add(plainBytes);
    }

    /** The plain bytes of each, in order: direct, or on the heap when memory outside it is short. */
    List<ByteBuffer> plain() {
        return plain;
    }

    /** The same as they lie in the pack. */
    List<ByteBuffer> stored() {
        return stored;
    }

    int plainBytes() {
        return plain.stream().mapToInt(ByteBuffer::remaining).sum();
    }

    /** Nothing of it may be looked at any more. */
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            blocks.give(block);
        }
    }
}
