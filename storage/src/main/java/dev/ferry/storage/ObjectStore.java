package dev.ferry.storage;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;

/**
 * Objects by key. A key is a relative path of plain names with '/' between them. What was put is durable
 * and whole when the call returns, and is seen by every reader from then on. Safe for threads.
 *
 * <p>Every method throws {@link dev.ferry.common.FerryException} STORE_UNREACHABLE (after bounded
 * retries), STORE_REFUSED or STORE_FULL; the message names the store and the key.
 */
public interface ObjectStore extends AutoCloseable {
    /** Puts an object; one of the same key is replaced. */
    void put(String key, ByteBuffer content);

    /**
     * Puts an object if there is none of this key: of several callers exactly one wins.
     *
     * @throws dev.ferry.common.FerryException OBJECT_EXISTS
     */
    void create(String key, ByteBuffer content);

    /** The whole object; empty: there is none. */
    Optional<byte[]> get(String key);

    /**
     * Fills a buffer from an offset of an object.
     *
     * @throws dev.ferry.common.FerryException CHUNK_MISSING when there is no such object or it ends before
     */
    void read(String key, long offset, ByteBuffer into);

    /** Keys that begin with a prefix, sorted. */
    List<String> list(String prefix);

    /**
     * Deletes an object; none is no error.
     *
     * @return how many bytes it had; 0: there was none
     */
    long delete(String key);

    /** Where it is, for people; without secrets. */
    String describe();

    @Override
    void close();
}
