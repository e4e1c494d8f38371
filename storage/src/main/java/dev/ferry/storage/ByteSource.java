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

    /**
     * Passes over zeros that lie nowhere, if such are next: {@link #next} would give them out piece by piece.
     *
     * @return how many, at most 1 GiB of them; 0: others are next, or none at all
     * @throws dev.ferry.common.FerryException as {@link #next}
     */
    long zeros();

    @Override
    void close();
}
