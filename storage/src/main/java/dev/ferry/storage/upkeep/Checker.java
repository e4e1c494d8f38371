package dev.ferry.storage.upkeep;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.Hold;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.StoreCheck;
import dev.ferry.proto.v1.StoreFinding;
import dev.ferry.proto.v1.StoreRecord;
import dev.ferry.storage.Images;
import dev.ferry.storage.ManifestMemory;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.image.ChunkFetcher;
import dev.ferry.storage.image.ImageVerifier;
import dev.ferry.storage.image.Keys;
import dev.ferry.storage.image.Records;
import dev.ferry.storage.image.StoredManifest;
import dev.ferry.storage.seal.KeyRing;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.List;
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
    /** Holds, also those that can't be read. */
    private final Set<String> looked = new HashSet<>();
    private final ManifestMemory memory;
    /** Whether a manifest could not be read: which packs it names is not known. */
    private boolean unread;

    private Checker(ObjectStore store, ChunkFetcher fetcher, ManifestMemory memory, boolean quick) {
        this.store = store;
        this.memory = memory;
        this.quick = quick;
        verifier = new ImageVerifier(fetcher);
    }

    /**
     * @param quick not the chunks in packs
     * @param memory for whole manifests; one that is larger than all of it is noted and not checked
     * @throws FerryException STORE_* when the store does not answer, which says nothing of what it holds; DEADLINE_EXCEEDED: there is no memory now
     */
    public static StoreCheck check(ObjectStore store, ChunkFetcher fetcher, ManifestMemory memory, boolean quick) {
        Checker checker = new Checker(store, fetcher, memory, quick);
        checker.run();
        return checker.told.build();
    }

    private void run() {
        store.entries("").stream().filter(object -> !object.key().startsWith(Keys.PACKS)).forEach(this::object);
        for (ObjectStore.Entry pack : store.entries(Keys.PACKS)) {
            count(pack);
            packs.put(pack.key(), pack.bytes());
        }
        // Behind the packs, and manifests behind holds: whoever sent one of them meanwhile has a hold, or a manifest by now.
        store.list(Keys.HOLDS).stream().filter(key -> !looked.contains(key)).forEach(this::hold);
        store.list(Keys.manifests(Optional.empty())).forEach(this::manifest);
        for (String pack : packs.keySet()) {
            Optional<String> hold = Keys.holdOf(pack);
            if (hold.isEmpty()) {
                find(pack, "is no pack, but lies among them", false);
            } else if (!unread && !named.contains(pack) && !holds.contains(hold.get())) {
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
            hold(key);
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

    private void hold(String key) {
        looked.add(key);
        record(key).ifPresent(record -> hold(key, record.getHold()));
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
            boolean ignored =
                    memory.with(
                            store,
                            List.of(image),
                            PackUse.BYTES,
                            () -> {
                                manifest(key, StoredManifest.open(store, image));
                                return true;
                            });
        } catch (FerryException broken) {
            requireDamage(broken);
            switch (broken.code()) {
                case IMAGE_NOT_FOUND -> mark(key);
                case OBJECT_TOO_LARGE -> {
                    unread = true;
                    find(key, "was not checked: " + broken.getMessage(), false);
                }
                default -> {
                    unread = true;
                    find(key, broken.getMessage(), true);
                }
            }
        }
    }

    private void manifest(String key, StoredManifest stored) {
        Manifest manifest = stored.whole();
        told.setImages(told.getImages() + 1);
        named.addAll(manifest.getPacksList());
        if (places(key, manifest) && !quick) {
            chunks(key, manifest);
        }
    }

    /** What lies in the place of a dump that was given up, unless it was deleted meanwhile. */
    private void mark(String key) {
        record(key).filter(record -> !record.getGivenUp().getImage().equals(Keys.image(key))).ifPresent(record -> find(key, "speaks of another dump", true));
    }

    /** Whether all packs are there and long enough. */
    private boolean places(String key, Manifest manifest) {
        PackUse use = new PackUse();
        use.add(manifest);
        boolean whole = true;
        for (Map.Entry<String, Long> end : new TreeMap<>(use.ends()).entrySet()) {
            // Whether it was listed says nothing: it may be younger than the list.
            Optional<String> problem = tooShort(end.getKey(), end.getValue());
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

    /** A store that does not answer says nothing of what it holds, nor does a process that has no memory now. */
    private static void requireDamage(FerryException failed) {
        switch (failed.code()) {
            case STORE_UNREACHABLE, STORE_REFUSED, STORE_FULL, DEADLINE_EXCEEDED, CANCELLED -> throw failed;
            default -> {}
        }
    }
}
