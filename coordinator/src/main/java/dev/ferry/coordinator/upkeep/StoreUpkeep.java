package dev.ferry.coordinator.upkeep;

import dev.ferry.common.FerryException;
import dev.ferry.common.Scheduler;
import dev.ferry.coordinator.store.Reserve;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.CheckStoreRequest;
import dev.ferry.proto.v1.CollectGarbageRequest;
import dev.ferry.proto.v1.Collection;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Retention;
import dev.ferry.proto.v1.RotateStoreKeysRequest;
import dev.ferry.proto.v1.StoreCheck;
import dev.ferry.proto.v1.StoreFinding;
import dev.ferry.proto.v1.StoreKeys;
import dev.ferry.proto.v1.StoreStats;
import dev.ferry.storage.Images;
import dev.ferry.storage.image.Keys;
import dev.ferry.storage.seal.KeyRing;
import dev.ferry.storage.upkeep.Collector;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Collections by schedule and on demand, figures, and the check that the catalogue and the store say the same. */
public final class StoreUpkeep {
    private static final Logger LOG = LoggerFactory.getLogger(StoreUpkeep.class);

    private final StateStore state;
    private final Images images;
    private final Collector.Terms terms;
    private final Duration every;
    private final Expiry expiry;
    private final Reserve reserve;
    private final Scheduler scheduler;
    // Two at once would do no harm, and no good.
    private final ReentrantLock collecting = new ReentrantLock();
    private volatile long lastCollected;

    /**
     * @param every how long between two collections; zero: only on demand
     * @param retention which images are kept of jobs that say nothing else
     * @param reserve room for images that expire when there is no other
     */
    public StoreUpkeep(StateStore state, Images images, Collector.Terms terms, Duration every, Retention retention, Reserve reserve, Scheduler scheduler) {
        this.state = state;
        this.images = images;
        this.terms = terms;
        this.every = every;
        expiry = new Expiry(state, images, retention);
        this.reserve = reserve;
        this.scheduler = scheduler;
    }

    /** Begins the schedule; it ends with the scheduler. */
    public void start() {
        if (!every.isZero()) {
            Scheduler.Timer ignored = scheduler.after(every, this::collectAndAgain);
        }
    }

    private void collectAndAgain() {
        try {
            reserve.give();
            Collection done = collect(CollectGarbageRequest.getDefaultInstance());
            LOG.info("collected garbage: {} images expired, {} bytes of {} packs freed, {} packs wait for their grace, {} dumps given up", done.getExpiredCount(), done.getFreedBytes(), done.getFreedPacks(), done.getCondemnedPacks(), done.getGivenUpCount());
        } catch (FerryException failed) {
            LOG.warn("garbage was not collected: {}", failed.getMessage());
        } catch (RuntimeException | Error failed) {
            LOG.error("garbage was not collected", failed);
        } finally {
            reserve.take();
            start();
        }
    }

    /**
     * Removes images that no rule of retention keeps, then what nothing needs.
     *
     * @throws FerryException as {@link Collector#collect(Collector.Terms, boolean, boolean)}
     */
    public Collection collect(CollectGarbageRequest request) {
        Collector.Terms now = request.getNow() ? new Collector.Terms(Duration.ZERO, terms.stale()) : terms;
        collecting.lock();
        try {
            List<String> expired = request.getDryRun() ? expiry.due() : expiry.apply();
            // Before the store is listed: an image is in the store first.
            boolean hasImages = !catalogue().isEmpty();
            Collection done = images.collect(now, request.getDryRun(), hasImages).toBuilder().addAllExpired(expired).build();
            if (!request.getDryRun()) {
                lastCollected = System.currentTimeMillis();
            }
            return done;
        } finally {
            collecting.unlock();
        }
    }

    /** When the whole store was last collected, by schedule or on demand: milliseconds since 1970, UTC; 0: not since this coordinator began to lead. */
    public long lastCollected() {
        return lastCollected;
    }

    /** Tenants' keys, without their secrets. */
    public StoreKeys listKeys() {
        return StoreKeys.newBuilder().addAllKeys(keys().list()).build();
    }

    /** Wraps all keys by the master key that is configured now, after it has made a new one where that is asked for. */
    public StoreKeys rotateKeys(RotateStoreKeysRequest request) {
        KeyRing keys = keys();
        if (!request.getTenant().isEmpty()) {
            keys.renew(request.getTenant());
        }
        return StoreKeys.newBuilder().addAllKeys(keys.rewrap()).build();
    }

    private KeyRing keys() {
        return images.keys().orElseThrow(() -> new FerryException(ErrorCode.WRONG_STATE, "The store is not encrypted: store.encryption has no master key"));
    }

    public StoreStats stats() {
        return images.stats();
    }

    /** Checks every object, and that the catalogue and the store name the same images. */
    public StoreCheck check(CheckStoreRequest request) {
        Set<String> catalogue = catalogue();
        StoreCheck.Builder found = images.check(request.getQuick()).toBuilder();
        Set<String> stored = images.ids();
        Set<String> later = catalogue();
        for (String image : catalogue) {
            if (!stored.contains(image) && later.contains(image)) {
                found.addFindings(StoreFinding.newBuilder().setObject(Keys.manifest(image)).setProblem("is not there, but image " + image + " is in the catalogue").setDamage(true));
            }
        }
        for (String image : stored) {
            if (!catalogue.contains(image) && !later.contains(image) && isImage(image)) {
                found.addFindings(StoreFinding.newBuilder().setObject(Keys.manifest(image)).setProblem("is not in the catalogue: no operation waited for its end; `ferry image delete " + image + "` removes it"));
            }
        }
        return found.build();
    }

    /** Not only the mark of a dump that was given up. What is damaged was found already. */
    private boolean isImage(String id) {
        try {
            return images.open(id).image().getId().equals(id);
        } catch (FerryException none) {
            return false;
        }
    }

    private Set<String> catalogue() {
        return state.transact(tables -> tables.images("").stream().map(Image::getId).collect(Collectors.toSet()));
    }
}
