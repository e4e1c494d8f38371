package dev.ferry.storage;

import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.object.FolderStore;
import dev.ferry.storage.object.S3Store;
import dev.ferry.storage.seal.KeyRing;
import dev.ferry.storage.seal.MasterKey;
import dev.ferry.storage.seal.SealedStore;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Opens the store that a configuration names. */
public final class Stores {
    private Stores() {}

    /**
     * @throws FerryException CONFIG_INVALID; a store that does not answer is only noticed at its first use
     */
    public static ObjectStore open(StoreConfig config) {
        List<String> problems = config.problems();
        if (!problems.isEmpty()) {
            throw new FerryException(ErrorCode.CONFIG_INVALID, "The store can't be used: " + String.join("; ", problems));
        }
        // Keys first: nothing is left open when they are wrong.
        List<MasterKey> masters = config.encryption().isOn() ? config.encryption().masterKeys() : List.of();
        ObjectStore real = config.folder().<ObjectStore>map(FolderStore::new).orElseGet(() -> S3Store.open(config));
        return masters.isEmpty() ? real : SealedStore.of(real, new KeyRing(real, masters), config.encryption().acceptPlain());
    }

    /**
     * Writes, reads and deletes a small object, and sees whether create-only holds.
     *
     * @throws FerryException STORE_*; the message says what failed
     */
    public static void probe(ObjectStore store) {
        String key = "probe/" + Ids.random(12);
        byte[] content = ("ferry was here " + key).getBytes(StandardCharsets.UTF_8);
        store.create(key, ByteBuffer.wrap(content));
        try {
            ByteBuffer back = ByteBuffer.allocate(content.length);
            store.read(key, 0, back);
            if (!back.flip().equals(ByteBuffer.wrap(content))) {
                throw new FerryException(ErrorCode.STORE_REFUSED, store.describe() + " gives back other bytes than were put");
            }
            requireCreateOnly(store, key, content);
        } finally {
            long ignored = store.delete(key);
        }
    }

    private static void requireCreateOnly(ObjectStore store, String key, byte[] content) {
        byte[] other = content.clone();
        other[0]++;
        try {
            store.create(key, ByteBuffer.wrap(other));
        } catch (FerryException refused) {
            if (refused.code() == ErrorCode.OBJECT_EXISTS) {
                return;
            }
            throw refused;
        }
        throw new FerryException(
                ErrorCode.STORE_REFUSED, store.describe() + " overwrites objects although asked not to (If-None-Match: *): two images could take one name");
    }
}
