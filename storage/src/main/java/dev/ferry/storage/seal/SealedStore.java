package dev.ferry.storage.seal;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.Tenants;
import java.nio.ByteBuffer;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A store whose objects are sealed: what lies in the real store tells only keys, lengths and times. All users of the
 * store above see plain objects; one that is not as it was written throws CHUNK_CORRUPT. Keys of tenants lie in the
 * real store as they are, wrapped by the master key.
 */
public final class SealedStore implements ObjectStore {
    private static final int MOST_HEADERS = 4096;

    private final ObjectStore real;
    private final KeyRing keys;
    private final String tenant;
    private final boolean acceptPlain;
    private final SecureRandom random = new SecureRandom();
    private KeyRing.@Nullable Named current;

    /** Headers of packs, which never change: so that reading a part costs one request and not two. */
    private final Map<String, SealedObject> headers;

    private SealedStore(ObjectStore real, KeyRing keys, String tenant, boolean acceptPlain, Map<String, SealedObject> headers) {
        this.real = real;
        this.keys = keys;
        this.tenant = tenant;
        this.acceptPlain = acceptPlain;
        this.headers = headers;
    }

    /**
     * @param acceptPlain whether objects that are not sealed are read as they are: for a store that has some from before
     */
    public static SealedStore of(ObjectStore real, KeyRing keys, boolean acceptPlain) {
        return of(real, keys, acceptPlain, MOST_HEADERS);
    }

    /**
     * @param headers of how many packs are remembered
     */
    public static SealedStore of(ObjectStore real, KeyRing keys, boolean acceptPlain, int headers) {
        return new SealedStore(real, keys, Tenants.NOBODY, acceptPlain, remembered(headers));
    }

    private static Map<String, SealedObject> remembered(int most) {
        return new LinkedHashMap<>(16, 0.75f, true) {
            @Override
            protected boolean removeEldestEntry(Map.Entry<String, SealedObject> eldest) {
                return size() > most;
            }
        };
    }

    @Override
    public ObjectStore fresh() {
        return new SealedStore(real, keys, tenant, acceptPlain, remembered(MOST_HEADERS));
    }

    @Override
    public ObjectStore forTenant(String name) {
        return new SealedStore(real, keys, name, acceptPlain, headers);
    }

    @Override
    public Optional<KeyRing> keys() {
        return Optional.of(keys);
    }

    private synchronized KeyRing.Named current() {
        KeyRing.Named known = current;
        if (known == null) {
            known = keys.current(tenant);
            current = known;
        }
        return known;
    }

    private ByteBuffer seal(String key, ByteBuffer content) {
        if (key.startsWith(KeyRing.KEYS)) {
            throw new IllegalArgumentException(key + " is written by the key ring");
        }
        byte[] salt = new byte[SealedObject.SALT_BYTES];
        random.nextBytes(salt);
        return SealedObject.seal(key, content, current(), salt);
    }

    @Override
    public void put(String key, ByteBuffer content) {
        real.put(key, seal(key, content));
    }

    @Override
    public void create(String key, ByteBuffer content) {
        real.create(key, seal(key, content));
    }

    @Override
    public Optional<byte[]> get(String key) {
        return real.get(key).map(object -> open(key, object));
    }

    @Override
    public boolean isStillPlain(String key) {
        return acceptPlain && real.get(key).filter(object -> isPlain(key, object)).isPresent();
    }

    private byte[] open(String key, byte[] object) {
        if (isPlain(key, object)) {
            return object;
        }
        if (object.length < SealedObject.HEADER) {
            throw SealedObject.damaged(key, "it ends within its header");
        }
        return SealedObject.ofHeader(key, java.util.Arrays.copyOf(object, SealedObject.HEADER), keys).openAll(object);
    }

    /** Whether an object is to be taken as it is. */
    private boolean isPlain(String key, byte[] begin) {
        if (key.startsWith(KeyRing.KEYS)) {
            return true;
        }
        if (SealedObject.isSealed(begin)) {
            return false;
        }
        if (acceptPlain) {
            return true;
        }
        throw SealedObject.damaged(key, "it is not encrypted. If it was written before encryption was switched on, set store.encryption.acceptPlain");
    }

    @Override
    public void read(String key, long offset, ByteBuffer into) {
        if (key.startsWith(KeyRing.KEYS)) {
            real.read(key, offset, into);
            return;
        }
        SealedObject object = header(key);
        if (object == null) {
            real.read(key, offset, into);
            return;
        }
        if (offset + into.remaining() > object.length()) {
            throw new FerryException(ErrorCode.CHUNK_MISSING, "Object " + key + " in " + describe() + " ends at byte " + object.length() + "; bytes from " + offset + " were asked for");
        }
        ByteBuffer segments = ByteBuffer.allocate(object.extent(offset, into.remaining()));
        real.read(key, object.begin(offset), segments);
        object.open(offset, segments.flip(), into);
    }

    /** @return null: the object is not sealed, and may be so */
    private @Nullable SealedObject header(String key) {
        synchronized (headers) {
            SealedObject known = headers.get(key);
            if (known != null) {
                return known;
            }
        }
        byte[] header = new byte[SealedObject.HEADER];
        try {
            real.read(key, 0, ByteBuffer.wrap(header));
        } catch (FerryException ends) {
            // Shorter than any sealed object, or not there; if it may be a plain one, reading it tells.
            if (ends.code() == ErrorCode.CHUNK_MISSING && acceptPlain) {
                return null;
            }
            throw ends;
        }
        if (isPlain(key, header)) {
            return null;
        }
        SealedObject object = SealedObject.ofHeader(key, header, keys);
        if (key.startsWith("packs/")) {
            synchronized (headers) {
                headers.put(key, object);
            }
        }
        return object;
    }

    @Override
    public List<Entry> entries(String prefix) {
        return real.entries(prefix);
    }

    @Override
    public long delete(String key) {
        return real.delete(key);
    }

    @Override
    public long clearUnfinished(Duration olderThan) {
        return real.clearUnfinished(olderThan);
    }

    @Override
    public String describe() {
        return real.describe();
    }

    @Override
    public void close() {
        real.close();
    }
}
