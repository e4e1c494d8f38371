package dev.ferry.coordinator.upkeep;

import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.store.RecordKind;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Retention;
import dev.ferry.storage.Images;
import java.util.ArrayList;
import java.util.List;

/**
 * Lets images go that no rule of retention keeps. They leave the catalogue first, in the transaction that sees that no
 * operation works on their job, and are remembered until they have left the store.
 */
public final class Expiry {
    /** Images that have left the catalogue and not yet, for sure, the store. */
    static final RecordKind<Image> EXPIRED = RecordKind.of("expired-image", Image.parser(), Image::getId);

    private final StateStore store;
    private final Images images;
    private final Retention defaults;

    Expiry(StateStore store, Images images, Retention defaults) {
        this.store = store;
        this.images = images;
        this.defaults = defaults;
    }

    /** Images that would go now. */
    List<String> due() {
        return store.transact(state -> due(state).stream().map(Image::getId).toList());
    }

    /**
     * Lets them go.
     *
     * @return their ids
     */
    List<String> apply() {
        List<String> expired =
                store.transact(
                        state -> {
                            List<Image> due = due(state);
                            for (Image image : due) {
                                expire(state, image);
                            }
                            return due.stream().map(Image::getId).toList();
                        });
        sweep();
        return expired;
    }

    /** Removes from the store what has left the catalogue. What is not there, in a store that does not show which one it is, is tried again later: it may not be mounted. */
    void sweep() {
        for (Image left : store.transact(state -> state.records(EXPIRED, RecordQuery.all()))) {
            if (images.forget(left.getId()) > 0 || images.showsWhich()) {
                gone(store, left.getId());
            }
        }
    }

    /** Takes an image out of the catalogue. Until it has left the store, somebody remembers it: what fails or crashes is made good by the next collection. */
    public static void expire(Transaction state, Image image) {
        state.put(EXPIRED, image);
        state.deleteImage(image.getId());
    }

    /** An image has left the store. */
    public static void gone(StateStore store, String image) {
        store.transact(
                state -> {
                    state.delete(EXPIRED, image);
                    return true;
                });
    }

    private List<Image> due(Transaction state) {
        List<Image> due = new ArrayList<>();
        for (Job job : state.allJobs()) {
            boolean succeeded = job.getState() == JobState.EXITED && job.getExitStatus() == 0;
            Retention rules = RetentionRules.merge(job.getSpec().getRetention(), defaults);
            // Whatever the operation is for: it may read any image of the job, or make one that builds on it.
            if (job.getOperation().isEmpty() && !RetentionRules.keepAll(rules, succeeded)) {
                List<Image> all = state.images(job.getId());
                List<String> expired = RetentionRules.expired(rules, all, succeeded);
                all.stream().filter(image -> expired.contains(image.getId()) && !isNeeded(job, image)).forEach(due::add);
            }
        }
        return due;
    }

    private static boolean isNeeded(Job job, Image image) {
        return !JobStates.isEnded(job.getState()) && job.getLatestImage().equals(image.getId());
    }
}
