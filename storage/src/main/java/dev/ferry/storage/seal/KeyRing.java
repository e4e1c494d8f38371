package dev.ferry.storage.seal;

import com.google.protobuf.ByteString;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.StoreKey;
import dev.ferry.proto.v1.StoreRecord;
import dev.ferry.proto.v1.TenantKey;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.image.Records;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;

/**
 * Tenants' keys, which lie in the store, each wrapped by a master key, which does not. A tenant's first key is made
 * when it is first needed, create-only: of several daemons that make it one wins. Safe for threads.
 */
public final class KeyRing {
    /** Begin of the keys of these objects: {@code keys/<tenant>/<number, 10 digits>}. */
    public static final String KEYS = "keys/";

    static final Pattern TENANT = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._@-]{0,79}");
    private static final int KEY_BYTES = 32;

    private final ObjectStore store;
    private final List<MasterKey> masters;
    private final SecureRandom random = new SecureRandom();
    private final Map<String, SecretKey> opened = new ConcurrentHashMap<>();

    /**
     * One key of a tenant.
     *
     * @param name {@code <tenant>/<number>}
     */
    record Named(String name, SecretKey key) {}

    /**
     * @param store where keys lie as they are, not sealed again
     * @param masters the first wraps; all unwrap, so that a change of the master key needs no moment in which all change
     */
    public KeyRing(ObjectStore store, List<MasterKey> masters) {
        this.store = store;
        this.masters = List.copyOf(masters);
    }

    /**
     * The key that a tenant's new objects are sealed with.
     *
     * @throws FerryException KEY_WRONG, RECORD_CORRUPT, STORE_*
     */
    Named current(String tenant) {
        requireTenant(tenant);
        List<String> there = store.list(KEYS + tenant + "/");
        return named(there.isEmpty() ? create(tenant, 1) : there.getLast().substring(KEYS.length()));
    }

    private static void requireTenant(String tenant) {
        if (!TENANT.matcher(tenant).matches()) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "'" + tenant + "' can't be a tenant of the store: letters, digits, '.', '_', '@' and '-', at most 80");
        }
    }

    /**
     * @throws FerryException KEY_WRONG when it is not there, or wrapped by none of our master keys; RECORD_CORRUPT, STORE_*
     */
    Named named(String name) {
        SecretKey known = opened.get(name);
        if (known == null) {
            byte[] object = store.get(KEYS + name).orElseThrow(() -> new FerryException(ErrorCode.KEY_WRONG, "The key " + KEYS + name + ", by which an object is sealed, is not in " + store.describe()));
            known = unwrap(name, Records.read(KEYS + name, object).getTenantKey());
            opened.put(name, known);
        }
        return new Named(name, known);
    }

    /** Makes a key; one that another has made in the same moment is as good. */
    private String create(String tenant, long number) {
        String name = String.format(Locale.ROOT, "%s/%010d", tenant, number);
        byte[] key = new byte[KEY_BYTES];
        random.nextBytes(key);
        try {
            store.create(KEYS + name, wrap(name, key, System.currentTimeMillis()));
        } catch (FerryException taken) {
            if (taken.code() != ErrorCode.OBJECT_EXISTS) {
                throw taken;
            }
        }
        return name;
    }

    private ByteBuffer wrap(String name, byte[] key, long createdAt) {
        MasterKey master = masters.getFirst();
        byte[] nonce = new byte[Crypto.NONCE_BYTES];
        random.nextBytes(nonce);
        ByteBuffer wrapped = ByteBuffer.allocate(KEY_BYTES + Crypto.TAG_BYTES);
        // At most a few thousand random nonces for each master key: far below the 2^32 of SP 800-38D.
        Crypto.seal(Crypto.cipher(), master.wrapping(), nonce, name.getBytes(StandardCharsets.UTF_8), ByteBuffer.wrap(key), wrapped);
        TenantKey record =
                TenantKey.newBuilder().setName(name).setMaster(master.id()).setNonce(ByteString.copyFrom(nonce)).setWrapped(ByteString.copyFrom(wrapped.flip())).setCreatedAt(createdAt).build();
        return Records.write(StoreRecord.newBuilder().setTenantKey(record).build());
    }

    private SecretKey unwrap(String name, TenantKey record) {
        return new SecretKeySpec(plain(name, record), Crypto.AES);
    }

    private byte[] plain(String name, TenantKey record) {
        MasterKey master =
                masters.stream()
                        .filter(each -> each.id().equals(record.getMaster()))
                        .findFirst()
                        .orElseThrow(
                                () ->
                                        new FerryException(
                                                ErrorCode.KEY_WRONG,
                                                "The key " + KEYS + name + " of " + store.describe() + " is wrapped by master key " + record.getMaster() + "; here is " + String.join(", ", masters.stream().map(MasterKey::id).toList())));
        byte[] key = new byte[KEY_BYTES];
        boolean fits = record.getNonce().size() == Crypto.NONCE_BYTES && record.getWrapped().size() == KEY_BYTES + Crypto.TAG_BYTES;
        if (!fits || !Crypto.open(Crypto.cipher(), master.wrapping(), record.getNonce().toByteArray(), name.getBytes(StandardCharsets.UTF_8), record.getWrapped().asReadOnlyByteBuffer(), ByteBuffer.wrap(key))) {
            throw new FerryException(ErrorCode.RECORD_CORRUPT, "Object " + KEYS + name + " is not what was written: master key " + master.id() + " does not open it");
        }
        return key;
    }

    /** All keys, without their secrets. */
    public List<StoreKey> list() {
        List<StoreKey> keys = new ArrayList<>();
        for (String object : store.list(KEYS)) {
            store.get(object).map(content -> Records.read(object, content).getTenantKey()).ifPresent(key -> keys.add(shown(key)));
        }
        return keys;
    }

    private StoreKey shown(TenantKey key) {
        return StoreKey.newBuilder().setName(key.getName()).setMaster(key.getMaster()).setCreatedAt(key.getCreatedAt()).setRewrapped(false).build();
    }

    /**
     * Wraps all keys by the first master key, as far as they are not. What they seal stays as it is. May be cut off and
     * done again.
     *
     * @throws FerryException KEY_WRONG when a key is wrapped by a master key that is not here; none is lost then
     */
    public List<StoreKey> rewrap() {
        List<StoreKey> keys = new ArrayList<>();
        for (String object : store.list(KEYS)) {
            String name = object.substring(KEYS.length());
            byte[] content = store.get(object).orElseThrow(() -> new FerryException(ErrorCode.KEY_WRONG, "The key " + object + " vanished from " + store.describe()));
            TenantKey key = Records.read(object, content).getTenantKey();
            boolean old = !key.getMaster().equals(masters.getFirst().id());
            if (old) {
                store.put(object, wrap(name, plain(name, key), key.getCreatedAt()));
            }
            keys.add(shown(key).toBuilder().setMaster(masters.getFirst().id()).setRewrapped(old).build());
        }
        return keys;
    }

    /** Makes a tenant's next key: what is written from now on is sealed by it, what is there keeps its own. */
    public void renew(String tenant) {
        requireTenant(tenant);
        List<String> there = store.list(KEYS + tenant + "/");
        long last = there.isEmpty() ? 0 : Long.parseLong(there.getLast().substring(there.getLast().lastIndexOf('/') + 1));
        String ignored = create(tenant, last + 1);
    }
}
