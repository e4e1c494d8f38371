package dev.ferry.storage.upkeep;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Hold;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.StoreCheck;
import dev.ferry.proto.v1.StoreFinding;
import dev.ferry.proto.v1.StoreRecord;
import dev.ferry.storage.Images;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.image.ChunkFetcher;
import dev.ferry.storage.image.ImageVerifier;
import dev.ferry.storage.image.Keys;
import dev.ferry.storage.image.ManifestFormat;
import dev.ferry.storage.image.Records;
import dev.ferry.storage.seal.KeyRing;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * Checks every object of a store: that it can be read, is what its key says, and that what it names is there. Beside
 * writers; what is deleted meanwhile is no finding.
 */
public final class Checker {
    private final ObjectStore store;
    private final ImageVerifier verifier;
    private final boolean quick;
    private final StoreCheck.Builder told = StoreCheck.newBuilder();
    private final Map<String, Long> packs = new TreeMap<>();
    private final Set<String> named = new HashSet<>();
    private final Set<String> holds = new HashSet<>();

    private Checker(ObjectStore store, ChunkFetcher fetcher, boolean quick) {
        this.store = store;
        this.quick = quick;
        verifier = new ImageVerifier(fetcher);
    }

    /**
     * @param quick not the chunks in packs
     * @throws FerryException STORE_* when the store does not answer, which says nothing of what it holds
     */
    public static StoreCheck check(ObjectStore store, ChunkFetcher fetcher, boolean quick) {
        Checker checker = new Checker(store, fetcher, quick);
        checker.run();
        return checker.told.build();
    }

    private void run() {
        // Packs last: one that a manifest names was there before the manifest.
        store.entries("").stream().filter(object -> !object.key().startsWith(Keys.PACKS)).forEach(this::object);
        for (ObjectStore.Entry pack : store.entries(Keys.PACKS)) {
            count(pack);
            packs.put(pack.key(), pack.bytes());
        }
        store.list(Keys.manifests(Optional.empty())).forEach(this::manifest);
        for (String pack : packs.keySet()) {
            Optional<String> hold = Keys.holdOf(pack);
            if (hold.isEmpty()) {
                find(pack, "is no pack, but lies among them", false);
            } else if (!named.contains(pack) && !holds.contains(hold.get())) {
                find(pack, "no image and no dump under way needs it; a collection frees its " + packs.get(pack) + " bytes", false);
            }
        }
    }

    private void count(ObjectStore.Entry object) {
        told.setObjects(told.getObjects() + 1).setBytes(told.getBytes() + object.bytes());
    }

    private void find(String object, String problem, boolean damage) {
        told.addFindings(StoreFinding.newBuilder().setObject(object).setProblem(problem).setDamage(damage));
    }

    private void object(ObjectStore.Entry object) {
        count(object);
        String key = object.key();
        if (key.startsWith(Keys.HOLDS)) {
            record(key).ifPresent(record -> hold(key, record.getHold()));
        } else if (key.startsWith(Keys.CONDEMNED)) {
            record(key).filter(record -> !Keys.condemned(record.getCondemned().getPack()).equals(key)).ifPresent(record -> find(key, "speaks of another pack: " + record.getCondemned().getPack(), true));
        } else if (key.equals(Keys.IDENTITY)) {
            record(key).filter(record -> record.getIdentity().getId().isEmpty()).ifPresent(record -> find(key, "does not say which store this is", true));
        } else if (key.startsWith(Keys.PROBES)) {
            find(key, "was left by a readiness check that was killed", false);
        } else if (key.startsWith(KeyRing.KEYS)) {
            record(key).filter(record -> !key.equals(KeyRing.KEYS + record.getTenantKey().getName())).ifPresent(record -> find(key, "speaks of another key: " + record.getTenantKey().getName(), true));
        } else if (!key.startsWith(Keys.manifests(Optional.empty())) && !key.startsWith(Keys.PRE_COPIES)) {
            find(key, "is none of Ferry's", false);
        }
    }

    private Optional<StoreRecord> record(String key) {
        try {
            return store.get(key).map(object -> Records.read(key, object));
        } catch (FerryException broken) {
            requireDamage(broken);
            find(key, broken.getMessage(), true);
            return Optional.empty();
        }
    }

    private void hold(String key, Hold hold) {
        holds.add(key);
        named.addAll(hold.getPacksList());
        if (hold.getImage().isEmpty() || !Keys.hold(hold.getImage(), hold.getWriter()).equals(key)) {
            find(key, "speaks of another dump: of image '" + hold.getImage() + "'", true);
        }
    }

    private void manifest(String key) {
        try {
            String image = Keys.image(key);
            Optional<byte[]> object = store.get(key);
            if (object.isEmpty()) {
                return;
            }
            if (Records.isRecord(object.get())) {
                if (!Records.read(key, object.get()).getGivenUp().getImage().equals(image)) {
                    find(key, "speaks of another dump", true);
                }
                return;
            }
            Manifest manifest = ManifestFormat.read(image, object.get());
            told.setImages(told.getImages() + 1);
            named.addAll(manifest.getPacksList());
            if (!manifest.getImage().getId().equals(image)) {
                find(key, "is the manifest of image '" + manifest.getImage().getId() + "'", true);
            }
            if (places(key, manifest) && !quick) {
                chunks(key, manifest);
            }
        } catch (FerryException broken) {
            requireDamage(broken);
            find(key, broken.getMessage(), true);
        }
    }

    /** Whether all packs are there and long enough. */
    private boolean places(String key, Manifest manifest) {
        PackUse use = new PackUse();
        use.add(manifest);
        boolean whole = true;
        for (Map.Entry<String, Long> end : new TreeMap<>(use.ends()).entrySet()) {
            Optional<String> problem = packs.containsKey(end.getKey()) ? tooShort(end.getKey(), end.getValue()) : Optional.of("is not there");
            if (problem.isPresent() && store.get(key).isPresent()) {
                whole = false;
                find(end.getKey(), problem.get() + "; image " + manifest.getImage().getId() + " needs " + end.getValue() + " bytes of it", true);
            }
        }
        return whole;
    }

    /** A sealed pack is longer than what is in it: only reading its last byte tells. */
    private Optional<String> tooShort(String pack, long end) {
        try {
            store.read(pack, end - 1, ByteBuffer.allocate(1));
            return Optional.empty();
        } catch (FerryException broken) {
            requireDamage(broken);
            return Optional.of(broken.getMessage());
        }
    }

    private void chunks(String key, Manifest manifest) {
        Images.Verification found = verifier.verify(manifest);
        told.setChunks(told.getChunks() + found.chunks()).setChunkBytes(told.getChunkBytes() + found.bytes());
        if (!found.damage().isEmpty() && store.get(key).isPresent()) {
            found.damage().forEach(damage -> find(key, damage, true));
        }
    }

    /** A store that does not answer says nothing of what it holds. */
    private static void requireDamage(FerryException failed) {
        if (failed.code() == ErrorCode.STORE_UNREACHABLE || failed.code() == ErrorCode.STORE_REFUSED || failed.code() == ErrorCode.STORE_FULL) {
            throw failed;
        }
    }
}
