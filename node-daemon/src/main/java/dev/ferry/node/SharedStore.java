package dev.ferry.node;

import dev.ferry.common.DurableFile;
import dev.ferry.node.link.CoordinatorLink;
import dev.ferry.proto.v1.StoreSight;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.StoreWatch;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which store the coordinator works with, as its last Welcome said, written into the daemon's data folder: whoever mends this machine's configuration can see there what it must be, also
 * without a coordinator. Whether the node gets jobs is the coordinator's business.
 */
public final class SharedStore implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SharedStore.class);
    private static final String FILE = "store";

    private final Path file;
    private final StoreWatch own;

    private SharedStore(Path file, StoreWatch own) {
        this.file = file;
        this.own = own;
    }

    /** Begins to look at the node's store; the link tells the coordinator what is seen. */
    static SharedStore open(ObjectStore store, Path data, CoordinatorLink link) {
        SharedStore shared = new SharedStore(data.resolve(FILE), StoreWatch.reading(store, link::storeChanged));
        link.carryStore(shared.own::sight, shared::isTheCoordinators);
        return shared;
    }

    /** Waits a moment for the first look, so that the first Hello says what it showed. */
    void awaitLook() {
        own.awaitLook();
    }

    /** A coordinator has said which store it sees; it may know none yet. */
    private void isTheCoordinators(StoreSight theirs) {
        if (theirs.getId().isEmpty()) {
            return;
        }
        StoreSight ours = own.sight();
        if (!ours.getId().equals(theirs.getId())) {
            LOG.warn("the coordinator works with the store {}, and the store of this node, {}, is not known to be that one: it gets no jobs until it is", theirs.getPlace(), ours.getPlace());
            // It may have been made a moment ago.
            own.lookNow();
        }
        try {
            if (!read(file).equals(Optional.of(theirs))) {
                DurableFile.write(file, (theirs.getId() + "\n" + theirs.getPlace() + "\n").getBytes(StandardCharsets.UTF_8));
            }
        } catch (IOException failed) {
            // It is only told to people.
            LOG.warn("{} can't be written: {}", file, failed.toString());
        }
    }

    /** What the last Welcome said; empty: there was none, or none that said it. */
    public static Optional<StoreSight> coordinators(Path data) throws IOException {
        return read(data.resolve(FILE));
    }

    @Override
    public void close() {
        own.close();
    }

    private static Optional<StoreSight> read(Path file) throws IOException {
        return DurableFile.read(file)
                .map(content -> new String(content, StandardCharsets.UTF_8).lines().toList())
                .filter(lines -> lines.size() == 2)
                .map(lines -> StoreSight.newBuilder().setId(lines.get(0)).setPlace(lines.get(1)).build());
    }
}
