package dev.ferry.storage.upkeep;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GivenUp;
import dev.ferry.proto.v1.Hold;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.image.Keys;
import dev.ferry.storage.image.Records;
import dev.ferry.storage.image.StoredManifest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;

/**
 * What names packs at one time: the holds of dumps under way, and manifests. Holds are listed and read first,
 * manifests after: a dump that ended between the two is seen by its manifest. Of a pack that thousands of images name one
 * name is kept, also while they are read.
 */
final class References {
    private final Map<String, Hold> holds = new HashMap<>();
    private final Map<String, String> writers = new HashMap<>();
    private final Map<String, GivenUp> givenUp = new HashMap<>();
    private final Set<String> packs = ConcurrentHashMap.newKeySet();

    private References() {}

    /** What a manifest says besides its packs, which are in the set when it is read. */
    private record Named(String key, String writer, Optional<GivenUp> givenUp) {}

    /**
     * @param readers where manifests are read, {@link Collector#READERS} at once at most
     * @throws FerryException MANIFEST_CORRUPT, RECORD_CORRUPT, FORMAT_UNKNOWN: what something counts on is not known,
     *     so nothing may be removed; STORE_*
     */
    static References read(ObjectStore store, Executor readers) {
        References references = new References();
        for (String key : store.list(Keys.HOLDS)) {
            store.get(key).ifPresent(object -> references.add(key, Records.read(key, object).getHold()));
        }
        Map<String, CompletableFuture<Optional<Named>>> read = new LinkedHashMap<>();
        for (String key : store.list(Keys.manifests(Optional.empty()))) {
            read.put(key, CompletableFuture.supplyAsync(() -> references.named(store, key, Collector.READERS), readers));
        }
        List<String> large = new ArrayList<>();
        read.forEach(
                (key, each) -> {
                    try {
                        join(each).ifPresent(references::add);
                    } catch (FerryException failed) {
                        if (failed.code() != ErrorCode.OBJECT_TOO_LARGE) {
                            throw failed;
                        }
                        large.add(key);
                    }
                });
        // Those that want more than their share of memory have all of it, one after the other.
        large.forEach(key -> references.named(store, key, 1).ifPresent(references::add));
        return references;
    }

    private static Optional<Named> join(CompletableFuture<Optional<Named>> read) {
        try {
            return read.join();
        } catch (CompletionException failed) {
            throw failed.getCause() instanceof RuntimeException cause ? cause : failed;
        }
    }

    /** By several threads at once. */
    private Optional<Named> named(ObjectStore store, String key, int together) {
        try {
            StoredManifest manifest = StoredManifest.open(store, Keys.image(key), together);
            packs.addAll(manifest.tree().getPacksList());
            return Optional.of(new Named(key, manifest.writer(), Optional.empty()));
        } catch (FerryException failed) {
            if (failed.code() != ErrorCode.IMAGE_NOT_FOUND) {
                throw failed;
            }
            // Deleted since it was listed, or the mark of a dump that was given up.
            return store.get(key).filter(Records::isRecord).map(object -> new Named(key, "", Optional.of(Records.read(key, object).getGivenUp())));
        }
    }

    private void add(String key, Hold hold) {
        packs.addAll(hold.getPacksList());
        holds.put(key, hold.toBuilder().clearPacks().build());
    }

    private void add(Named manifest) {
        if (manifest.givenUp().isPresent()) {
            givenUp.put(manifest.key(), manifest.givenUp().get());
        } else {
            writers.put(manifest.key(), manifest.writer());
        }
    }

    /** Whether a pack is named, or belongs to a dump under way. */
    boolean uses(String pack) {
        return packs.contains(pack) || Keys.holdOf(pack).map(holds::containsKey).orElse(true);
    }

    /** Dumps under way by the keys of their holds, which name no packs here: see {@link #uses}. */
    Map<String, Hold> holds() {
        return holds;
    }

    /** Marks of dumps that were given up, by the keys of the manifests whose places they take. */
    Map<String, GivenUp> givenUp() {
        return givenUp;
    }

    /** Who wrote the manifest of this key; empty: there is none. */
    Optional<String> writer(String manifestKey) {
        return Optional.ofNullable(writers.get(manifestKey));
    }

    int images() {
        return writers.size();
    }
}
