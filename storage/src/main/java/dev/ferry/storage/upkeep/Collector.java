package dev.ferry.storage.upkeep;

import dev.ferry.common.Clock;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.Collection;
import dev.ferry.proto.v1.Condemned;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GivenUp;
import dev.ferry.proto.v1.Hold;
import dev.ferry.proto.v1.StoreRecord;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.image.Keys;
import dev.ferry.storage.image.Records;
import dev.ferry.storage.image.StoredManifest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/**
 * Removes packs that nothing names any more, beside dumps, restores and other collectors and without a lock. It may
 * be killed anywhere; the next one goes on. The steps, each of which is whole before the next begins:
 *
 * <ol>
 *   <li>Dumps that made no image for too long are given up: a mark in the place of their manifest, create-only, so
 *       that they can never become whole; then their hold goes. Rounds that were copied ahead for an image that is whole only lose
 *       their holds.
 *   <li>Marks of condemned packs are listed, then packs, then holds, then manifests.
 *   <li>A pack that none of them names is condemned by a create-only mark. From here on no dump begins to count on it.
 *   <li>Holds and manifests are read once more. A condemned pack that still nothing names is deleted, then its mark.
 *       One that is named stays, and so does its mark: it goes when the images that name it go.
 * </ol>
 *
 * <p>Why that is enough is in docs/store.md. A pack is kept until nothing of it is needed; it is never rewritten.
 *
 * <p>A mark needs room. In a store that is full, what found none stays for now, what is marked is freed, and all of it is
 * done again for as long as that frees anything: the first pack that goes makes room for the marks of all others.
 */
public final class Collector {
    /** How many manifests may be read at once. */
    public static final int READERS = 8;

    /** What is left of dumps that were given up, and what was tried out, is kept for so long. */
    private static final Duration FORGET = Duration.ofDays(30);

    private final ObjectStore store;
    private final Clock clock;
    private final Executor readers;

    /**
     * @param grace least age of a mark before its pack is deleted; needed only where a listing may be old (network
     *     file systems that cache folders), zero elsewhere
     * @param stale age from which a dump that has made no image counts as dead. A wrong guess costs that dump, nothing else.
     */
    public record Terms(Duration grace, Duration stale) {}

    /**
     * @param readers where manifests are read, {@link #READERS} at once at most
     */
    public Collector(ObjectStore store, Clock clock, Executor readers) {
        this.store = store;
        this.clock = clock;
        this.readers = readers;
    }

    /** As {@link #collect(Terms, boolean, boolean)}, by whoever knows nothing of what must be there. */
    public Collection collect(Terms terms, boolean dryRun) {
        return collect(terms, dryRun, false);
    }

    /**
     * Collects the whole store.
     *
     * @param dryRun only says what would be done
     * @param hasImages whether there must be images, as somebody knows who keeps a catalogue of them
     * @throws FerryException MANIFEST_CORRUPT, RECORD_CORRUPT, FORMAT_UNKNOWN: an object that may name packs can't be
     *     read, so that none may be removed; WRONG_STATE: there must be images, and the store lists none; STORE_FULL: what could
     *     be freed is, and there is not even the room for one more mark; other STORE_*
     */
    public Collection collect(Terms terms, boolean dryRun, boolean hasImages) {
        long start = clock.nanos();
        Collection.Builder told = Collection.newBuilder().setDryRun(dryRun);
        boolean whole =
                repeat(
                        told,
                        () -> {
                            boolean buried = buryDead(terms, told);
                            return collect(pack -> true, terms, hasImages, told) && buried;
                        });
        clearLeftovers(told);
        if (!whole) {
            throw new FerryException(ErrorCode.STORE_FULL, "Garbage is left in " + store.describe() + ": it has no room for the mark of one more pack that is to go");
        }
        return told.setMicros(clock.since(start).toNanos() / 1000).build();
    }

    /** Collects only packs that a deleted image named. What finds no room for its mark is told as condemned: the next collection takes it. */
    public Collection collect(Set<String> packs, Terms terms) {
        long start = clock.nanos();
        Collection.Builder told = Collection.newBuilder();
        boolean ignored = repeat(told, () -> collect(packs::contains, terms, false, told));
        return told.setMicros(clock.since(start).toNanos() / 1000).build();
    }

    /**
     * Does the steps again while marks lack room and packs are freed, which makes some.
     *
     * @param steps say whether every mark found room
     * @return whether every mark did in the end
     */
    private static boolean repeat(Collection.Builder told, BooleanSupplier steps) {
        while (true) {
            long freed = told.getFreedPacks();
            if (steps.getAsBoolean()) {
                return true;
            }
            if (told.getFreedPacks() == freed) {
                return false;
            }
        }
    }

    /**
     * Creates a mark.
     *
     * @return false: there is no room for it
     * @throws FerryException OBJECT_EXISTS, STORE_*
     */
    private boolean mark(String key, StoreRecord mark) {
        try {
            store.create(key, Records.write(mark));
            return true;
        } catch (FerryException failed) {
            if (failed.code() != ErrorCode.STORE_FULL) {
                throw failed;
            }
            return false;
        }
    }

    /** Says whether every mark found room. */
    private boolean buryDead(Terms terms, Collection.Builder told) {
        boolean room = true;
        References now = References.read(store, readers);
        for (Map.Entry<String, Hold> open : now.holds().entrySet()) {
            Hold hold = open.getValue();
            String manifest = Keys.manifest(hold.getImage());
            if (now.writer(manifest).filter(hold.getWriter()::equals).isPresent()) {
                // It is whole; only its end was cut off.
                remove(open.getKey(), told);
            } else if (isLeftRound(hold, now, terms)) {
                // Its writer can't make the image, so nothing needs to keep it out. What lists its packs goes before they may.
                remove(Keys.preCopy(hold.getImage()), told);
                remove(open.getKey(), told);
            } else if (age(hold.getCreatedAt()).compareTo(terms.stale()) > 0) {
                if (!told.getDryRun()) {
                    room = room && giveUp(open.getKey(), hold, manifest, told);
                } else if (now.writer(manifest).isEmpty()) {
                    told.addGivenUp(hold.getImage());
                }
            }
        }
        now.givenUp().forEach((key, mark) -> {
            boolean mayCommit = now.holds().values().stream().anyMatch(hold -> hold.getImage().equals(mark.getImage()));
            if (!mayCommit && age(mark.getAt()).compareTo(FORGET) > 0) {
                remove(key, told);
            }
        });
        return room;
    }

    /**
     * Whether a hold is of a round that was copied ahead for an image that is whole now, and nobody is left who may count on what such rounds
     * sent: whoever else works on this image is an old round too.
     */
    private boolean isLeftRound(Hold round, References now, Terms terms) {
        Optional<String> whole = now.writer(Keys.manifest(round.getImage()));
        return round.getPreCopy()
                && whole.isPresent()
                && now.holds().values().stream()
                        .filter(hold -> hold.getImage().equals(round.getImage()) && !hold.getWriter().equals(whole.get()))
                        .allMatch(hold -> hold.getPreCopy() && age(hold.getCreatedAt()).compareTo(terms.stale()) > 0);
    }

    /**
     * The mark must stand before the hold goes: a writer that only slept then finds its place taken.
     *
     * @return false: the mark found no room
     */
    private boolean giveUp(String key, Hold hold, String manifest, Collection.Builder told) {
        GivenUp mark = GivenUp.newBuilder().setImage(hold.getImage()).setWriter(hold.getWriter()).setAt(clock.millis()).build();
        try {
            if (!mark(manifest, StoreRecord.newBuilder().setGivenUp(mark).build())) {
                return false;
            }
        } catch (FerryException taken) {
            if (taken.code() != ErrorCode.OBJECT_EXISTS) {
                throw taken;
            }
            // By another mark, which keeps this writer out for as long; or by the image of another writer, which may be
            // deleted at any time and would let this one in.
            if (!isGivenUp(manifest)) {
                if (age(hold.getCreatedAt()).compareTo(FORGET) > 0) {
                    remove(key, told);
                }
                return true;
            }
        }
        told.addGivenUp(hold.getImage());
        remove(key, told);
        return true;
    }

    private boolean isGivenUp(String manifest) {
        try {
            // Not all of it, which may be more than there is memory for.
            StoredManifest ignored = StoredManifest.open(store, Keys.image(manifest));
            return false;
        } catch (FerryException none) {
            if (none.code() != ErrorCode.IMAGE_NOT_FOUND) {
                throw none;
            }
            return store.get(manifest).filter(Records::isRecord).isPresent();
        }
    }

    /** Says whether every mark found room. */
    private boolean collect(Predicate<String> inScope, Terms terms, boolean hasImages, Collection.Builder told) {
        // Marks before packs: a pack that has a mark and is not listed is gone, not new.
        Set<String> marks = new HashSet<>(store.list(Keys.CONDEMNED));
        List<ObjectStore.Entry> packs = store.entries(Keys.PACKS).stream().filter(pack -> inScope.test(pack.key())).toList();
        References first = references(hasImages && !packs.isEmpty());
        Set<String> condemned = new HashSet<>();
        Set<String> unmarked = new HashSet<>();
        for (ObjectStore.Entry pack : packs) {
            boolean marked = marks.contains(Keys.condemned(pack.key()));
            if (marked || !first.uses(pack.key())) {
                // One mark is as large as the other: where one found no room the next is not tried.
                boolean stands = marked || told.getDryRun() || unmarked.isEmpty() && condemn(pack.key());
                (stands ? condemned : unmarked).add(pack.key());
            }
        }
        References last = told.getDryRun() ? first : references(hasImages && !packs.isEmpty());
        told.setImages(last.images()).setOpenDumps(last.holds().size());
        told.clearLivePacks().clearLiveBytes().clearCondemnedPacks().clearCondemnedBytes();
        for (ObjectStore.Entry pack : packs) {
            boolean garbage = (condemned.contains(pack.key()) || unmarked.contains(pack.key())) && !last.uses(pack.key());
            if (!garbage) {
                told.setLivePacks(told.getLivePacks() + 1).setLiveBytes(told.getLiveBytes() + pack.bytes());
            } else if (condemned.contains(pack.key()) && graceIsOver(pack.key(), marks, terms)) {
                free(pack, told);
            } else {
                told.setCondemnedPacks(told.getCondemnedPacks() + 1).setCondemnedBytes(told.getCondemnedBytes() + pack.bytes());
            }
        }
        // Marks whose packs a collector had deleted when it was killed.
        Set<String> there = new HashSet<>(packs.stream().map(ObjectStore.Entry::key).toList());
        for (String mark : marks) {
            String pack = mark.substring(Keys.CONDEMNED.length());
            if (inScope.test(pack) && !there.contains(pack)) {
                remove(mark, told);
            }
        }
        return unmarked.isEmpty();
    }

    /** A second belt: what a store lists decides what is deleted, and one that shows an empty folder where there is a full one (a file system that is not mounted) must not cost every image. */
    private References references(boolean hasImages) {
        References found = References.read(store, readers);
        if (hasImages && found.images() == 0) {
            throw new FerryException(ErrorCode.WRONG_STATE, "There are images, but " + store.describe() + " lists none of them: nothing is collected. `ferry store fsck` says which are missing; one that is lost leaves the catalogue by `ferry image delete`");
        }
        return found;
    }

    /** Says whether the pack has its mark; else there is no room for it. */
    private boolean condemn(String pack) {
        Condemned mark = Condemned.newBuilder().setPack(pack).setAt(clock.millis()).build();
        try {
            return mark(Keys.condemned(pack), StoreRecord.newBuilder().setCondemned(mark).build());
        } catch (FerryException taken) {
            // Another collector was faster.
            if (taken.code() != ErrorCode.OBJECT_EXISTS) {
                throw taken;
            }
            return true;
        }
    }

    private boolean graceIsOver(String pack, Set<String> marks, Terms terms) {
        if (terms.grace().isZero()) {
            return true;
        }
        String key = Keys.condemned(pack);
        return marks.contains(key) && store.get(key).map(mark -> age(Records.read(key, mark).getCondemned().getAt())).filter(age -> age.compareTo(terms.grace()) > 0).isPresent();
    }

    /** The mark goes after its pack: while the pack is there, no dump may begin to count on it. */
    private void free(ObjectStore.Entry pack, Collection.Builder told) {
        told.setFreedPacks(told.getFreedPacks() + 1).setFreedBytes(told.getFreedBytes() + pack.bytes());
        if (!told.getDryRun()) {
            long ignored = store.delete(pack.key());
            ignored = store.delete(Keys.condemned(pack.key()));
        }
    }

    private void clearLeftovers(Collection.Builder told) {
        List<String> old = new ArrayList<>();
        // A pre-copy that never became an image: its holds were given up long ago, and its packs are gone.
        for (String leftovers : List.of(Keys.PROBES, Keys.PRE_COPIES)) {
            for (ObjectStore.Entry left : store.entries(leftovers)) {
                if (age(left.modifiedAt()).compareTo(FORGET) > 0) {
                    old.add(left.key());
                }
            }
        }
        old.forEach(key -> remove(key, told));
        if (!told.getDryRun()) {
            told.setFreedBytes(told.getFreedBytes() + store.clearUnfinished(FORGET));
        }
    }

    private void remove(String key, Collection.Builder told) {
        if (!told.getDryRun()) {
            long ignored = store.delete(key);
        }
    }

    private Duration age(long at) {
        return Duration.ofMillis(clock.millis() - at);
    }
}
