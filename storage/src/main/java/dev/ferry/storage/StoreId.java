package dev.ferry.storage;

import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.StoreIdentity;
import dev.ferry.proto.v1.StoreRecord;
import dev.ferry.storage.image.Keys;
import dev.ferry.storage.image.Records;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Which store this is: random letters that a coordinator writes into it, once. Two processes that read the same ones see the same store. */
public final class StoreId {
    private static final Logger LOG = LoggerFactory.getLogger(StoreId.class);
    private static final int LETTERS = 16;

    private StoreId() {}

    /**
     * @return empty: no coordinator has worked with this store yet
     * @throws FerryException RECORD_CORRUPT; KEY_WRONG or CHUNK_CORRUPT when it is encrypted otherwise than is configured here; STORE_*
     */
    public static Optional<String> read(ObjectStore store) {
        return record(store).map(StoreIdentity::getId);
    }

    private static Optional<StoreIdentity> record(ObjectStore store) {
        Optional<StoreIdentity> found = store.get(Keys.IDENTITY).map(object -> Records.read(Keys.IDENTITY, object).getIdentity());
        if (found.isPresent() && found.get().getId().isEmpty()) {
            throw new FerryException(ErrorCode.RECORD_CORRUPT, "Object " + Keys.IDENTITY + " in " + store.describe() + " does not say which store it is");
        }
        return found;
    }

    /**
     * Reads the id of a store, which gets one if it has none: of several that make it one wins.
     *
     * @throws FerryException as {@link #read}
     */
    public static String make(ObjectStore store) {
        Optional<StoreIdentity> there = record(store);
        if (there.isPresent()) {
            seal(store, there.get());
            return there.get().getId();
        }
        StoreIdentity made = StoreIdentity.newBuilder().setId(Ids.random(LETTERS)).setCreatedAt(System.currentTimeMillis()).build();
        try {
            store.create(Keys.IDENTITY, Records.write(StoreRecord.newBuilder().setIdentity(made).build()));
            return made.getId();
        } catch (FerryException taken) {
            if (taken.code() != ErrorCode.OBJECT_EXISTS) {
                throw taken;
            }
            return read(store).orElseThrow(() -> taken);
        }
    }

    /** Encryption may have been switched on since the id was written, and who reads nothing plain must find it sealed. */
    private static void seal(ObjectStore store, StoreIdentity there) {
        try {
            if (store.isStillPlain(Keys.IDENTITY)) {
                store.put(Keys.IDENTITY, Records.write(StoreRecord.newBuilder().setIdentity(there).build()));
            }
        } catch (FerryException failed) {
            // A store that is full, or can only be read, is the same store all the same.
            LOG.warn("the id of the store {} is not encrypted yet, and could not be now; the next start of a coordinator tries it again: {}", store.describe(), failed.getMessage());
        }
    }
}
