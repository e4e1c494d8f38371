package dev.ferry.storage.image;

import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.StoreRecord;
import dev.ferry.storage.ObjectStore;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a dump counts on while it is under way: an object in the store that names the packs of the image before. A
 * collector that sees it lets those packs and the dump's own be.
 *
 * <p>The order is what makes it safe beside collectors that take no lock (the argument is in docs/store.md): the
 * image before was read; the hold is created; only then the marks of condemned packs are looked at, and packs that
 * have one are not used; last, the image before must still be there, else nothing of it is used. The hold goes only
 * after the manifest is whole, or when it is certain that there will be none.
 */
final class Hold implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Hold.class);

    private final ObjectStore store;
    private final String image;
    private final String writer;
    private final Set<String> usable = new HashSet<>();
    private boolean unsure;

    private Hold(ObjectStore store, String image, String writer) {
        this.store = store;
        this.image = image;
        this.writer = writer;
    }

    /**
     * @param kind whether its writer makes the image, or a round that is copied ahead for it
     * @param before the image whose packs shall be counted on
     * @throws FerryException STORE_*
     */
    static Hold take(ObjectStore store, StoredImageWriter.Kind kind, String image, Optional<Manifest> before) {
        Hold hold = new Hold(store, image, Ids.random(8));
        List<String> packs = before.map(Manifest::getPacksList).map(List::copyOf).orElse(List.of());
        dev.ferry.proto.v1.Hold record =
                dev.ferry.proto.v1.Hold.newBuilder()
                        .setImage(image)
                        .setWriter(hold.writer)
                        .setCreatedAt(System.currentTimeMillis())
                        .addAllPacks(packs)
                        .setPreCopy(kind == StoredImageWriter.Kind.PRE_COPY)
                        .build();
        store.create(Keys.hold(image, hold.writer), Records.write(StoreRecord.newBuilder().setHold(record).build()));
        try {
            if (!packs.isEmpty()) {
                hold.counted(before.orElseThrow().getImage().getId(), packs);
            }
        } catch (RuntimeException failed) {
            hold.close();
            throw failed;
        }
        return hold;
    }

    private void counted(String before, List<String> packs) {
        Set<String> condemned = new HashSet<>(store.list(Keys.CONDEMNED));
        if (isThere(before)) {
            packs.stream().filter(pack -> !condemned.contains(Keys.condemned(pack))).forEach(usable::add);
        } else {
            LOG.info("image {} was deleted while the dump of {} began: all is sent anew", before, image);
        }
    }

    private boolean isThere(String before) {
        try {
            return StoredManifest.open(store, before).image().getId().equals(before);
        } catch (FerryException gone) {
            if (gone.code() == ErrorCode.IMAGE_NOT_FOUND) {
                return false;
            }
            throw gone;
        }
    }

    /** Random letters that no other writer has. */
    String writer() {
        return writer;
    }

    /** Whether chunks of a pack of the image before may be counted on. */
    boolean mayUse(String pack) {
        return usable.contains(pack);
    }

    /**
     * Makes the image whole.
     *
     * @throws FerryException OBJECT_EXISTS when another writer has made it, CANCELLED when a collector gave this dump up; STORE_*
     */
    void commit(ByteBuffer manifest) {
        unsure = true;
        try {
            store.create(Keys.manifest(image), manifest);
            unsure = false;
        } catch (FerryException failed) {
            // A request that got no answer may still be carried out: then the hold has to stay until a collector gives the dump up.
            unsure = failed.code() == ErrorCode.STORE_UNREACHABLE;
            throw failed.code() == ErrorCode.OBJECT_EXISTS && wasGivenUp() ? givenUp(failed) : failed;
        }
    }

    /**
     * Makes one round of a pre-copy whole. The hold stays, and with it the packs of the round, until the image is whole
     * ({@link #releaseRounds}) or a collector gives it up.
     */
    void commitRound(ByteBuffer manifest) {
        unsure = true;
        store.put(Keys.preCopy(image), manifest);
    }

    /** The image is whole: what was copied ahead for it and is not in it may go. What can't be removed now is removed by a collector. */
    static void releaseRounds(ObjectStore store, String image) {
        for (String hold : store.list(Keys.holds(image))) {
            long ignored = store.delete(hold);
        }
        long ignored = store.delete(Keys.preCopy(image));
    }

    private boolean wasGivenUp() {
        return store.get(Keys.manifest(image)).filter(Records::isRecord).isPresent();
    }

    private FerryException givenUp(FerryException taken) {
        return new FerryException(
                ErrorCode.CANCELLED, "The dump of image " + image + " took so long that a garbage collection of " + store.describe() + " gave it up; staleDump of the coordinator says how long it may take", taken);
    }

    /** The image is whole or will never be. A hold that can't be removed now is removed by a collector. */
    @Override
    public void close() {
        if (unsure) {
            return;
        }
        try {
            long ignored = store.delete(Keys.hold(image, writer));
        } catch (FerryException failed) {
            LOG.warn("the hold of the dump of image {} stays until a collection: {}", image, failed.getMessage());
        }
    }
}
