package dev.ferry.storage;

import dev.ferry.storage.seal.KeyRing;
import java.nio.ByteBuffer;
import java.time.Duration;
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
    /** In this time each request has ended, with all of its tries, also to a store that takes or gives a byte now and then. */
    Duration LONGEST_REQUEST = Duration.ofMinutes(26);

    /** Puts an object; one of the same key is replaced. */
    void put(String key, ByteBuffer content);

    /**
     * Puts an object if there is none of this key: of several callers exactly one wins.
     *
     * @throws dev.ferry.common.FerryException OBJECT_EXISTS
     */
    void create(String key, ByteBuffer content);

    /**
     * The whole object; empty: there is none.
     *
     * @throws dev.ferry.common.FerryException OBJECT_TOO_LARGE when it is more than this process has memory for; nothing of that is taken
     */
    Optional<byte[]> get(String key);

    /**
     * Fills a buffer from an offset of an object.
     *
     * @throws dev.ferry.common.FerryException CHUNK_MISSING when there is no such object or it ends before
     */
    void read(String key, long offset, ByteBuffer into);

    /**
     * One object of a listing.
     *
     * @param modifiedAt when it was written, by the store's clock: milliseconds since 1970, UTC
     */
    record Entry(String key, long bytes, long modifiedAt) {}

    /**
     * Objects whose keys begin with a prefix, sorted by key. One that was there before the call and is not deleted
     * before its end is among them: {@link dev.ferry.storage.upkeep.Collector} counts on it.
     */
    List<Entry> entries(String prefix);

    /** Keys that begin with a prefix, sorted. */
    default List<String> list(String prefix) {
        return entries(prefix).stream().map(Entry::key).toList();
    }

    /**
     * Deletes an object; none is no error.
     *
     * @return how many bytes it had; 0: there was none
     */
    long delete(String key);

    /**
     * Removes what killed writers left that is no object yet.
     *
     * @param olderThan how long it has not been written to
     * @return how many bytes that freed
     */
    long clearUnfinished(Duration olderThan);

    /**
     * The same store for objects that belong to a tenant: where objects are sealed, those that are written are sealed
     * with the tenant's key. Any object can be read from either.
     */
    default ObjectStore forTenant(String name) {
        return this;
    }

    /** The same store, with nothing remembered of what was read before: for whoever checks what lies there. */
    default ObjectStore fresh() {
        return this;
    }

    /** The tenants' keys; empty: objects are not sealed. */
    default Optional<KeyRing> keys() {
        return Optional.empty();
    }

    /** Whether an object is from before objects were sealed, and lies there as it is. Where none are sealed it is no question: no. */
    default boolean isStillPlain(String key) {
        return false;
    }

    /** Where it is, for people; without secrets. */
    String describe();

    @Override
    void close();
}
