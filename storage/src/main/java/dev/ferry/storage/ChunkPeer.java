package dev.ferry.storage;

import com.google.protobuf.ByteString;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.BitSet;
import java.util.List;

/**
 * The cache of another node, which is asked before the store while one image is read. Nothing that it gives is trusted: each chunk is proved by its name. Safe for threads.
 */
public interface ChunkPeer extends AutoCloseable {
    /**
     * One chunk that is wanted.
     *
     * @param name the SHA-256 of its plain bytes
     * @param into takes the chunk as it lies in its pack; has as many bytes left as it has there
     */
    record Asked(ByteString name, ByteBuffer into) {}

    /**
     * Asks for chunks that lie near each other, and waits a bounded moment for them.
     *
     * @return which of them the peer has: their buffers are full; those of the others hold anything
     * @throws IOException when it does not answer, or not in time
     */
    BitSet fetch(List<Asked> chunks) throws IOException;

    /** Whoever waits for it is told that it does not answer. May be called more than once. */
    @Override
    void close();
}
