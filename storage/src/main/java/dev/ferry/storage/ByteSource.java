package dev.ferry.storage;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** Verified bytes of an image in order. Used by one thread. */
public interface ByteSource extends AutoCloseable {
    /**
     * The next bytes: a direct buffer, valid until the next call; null at the end.
     *
     * @throws dev.ferry.common.FerryException CHUNK_CORRUPT, CHUNK_MISSING, STORE_UNREACHABLE; the
     *     message names the chunk and its pack
     */
    @Nullable ByteBuffer next();

    @Override
    void close();
}
