package dev.ferry.coordinator.api;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.upkeep.Expiry;
import dev.ferry.proto.v1.Collection;
import dev.ferry.proto.v1.DeleteImageResponse;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.ImageDetails;
import dev.ferry.proto.v1.ImageDiff;
import dev.ferry.proto.v1.ImagePart;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.StoredFile;
import dev.ferry.proto.v1.StoredVolume;
import dev.ferry.proto.v1.VerifyImageResponse;
import dev.ferry.storage.ImageReader;
import dev.ferry.storage.Images;
import dev.ferry.storage.image.Keys;
import dev.ferry.storage.look.ImageLook;
import dev.ferry.storage.upkeep.Collector;
import java.util.List;
import java.util.Optional;

/** What is asked of images: the catalogue is in the state store, the images themselves in the object store. */
public final class ImageVerbs {
    private final StateStore store;
    private final Images images;
    private final Collector.Terms terms;

    /**
     * @param terms on which a deleted image's packs are collected
     */
    public ImageVerbs(StateStore store, Images images, Collector.Terms terms) {
        this.store = store;
        this.images = images;
        this.terms = terms;
    }

    /**
     * @param job empty: of all jobs
     */
    public List<Image> list(String job) {
        return store.transact(state -> state.images(job.isEmpty() ? "" : JobNames.job(state, job).getId()));
    }

    private Image find(String id) {
        return store.transact(state -> state.image(id)).orElseThrow(() -> new FerryException(ErrorCode.IMAGE_NOT_FOUND, "There is no image '" + id + "'"));
    }

    public ImageDetails details(String id) {
        Image image = find(id);
        return images.look(List.of(id), readers -> details(image, readers.getFirst()));
    }

    private static ImageDetails details(Image image, ImageReader reader) {
        Manifest manifest = reader.manifest();
        ImageDetails.Builder details = ImageDetails.newBuilder().setImage(image).setSpec(manifest.getSpec()).setContent(ImageLook.content(reader));
        for (StoredFile file : manifest.getFilesList()) {
            details.addParts(ImagePart.newBuilder().setName(file.getName()).setBytes(file.getSize()).setChunks(file.getChunks().getLengthsCount()));
        }
        for (StoredVolume volume : manifest.getVolumesList()) {
            long bytes = volume.getEntriesList().stream().mapToLong(entry -> entry.getSize()).sum();
            long chunks = volume.getEntriesList().stream().mapToLong(entry -> entry.getChunks().getLengthsCount()).sum();
            details.addParts(ImagePart.newBuilder().setName(volume.getName() + "/ (" + volume.getEntriesCount() + " entries)").setBytes(bytes).setChunks(chunks));
        }
        return details.build();
    }

    /** What two images share; they need not be of one job. */
    public ImageDiff diff(String first, String second) {
        return images.look(List.of(find(first).getId(), find(second).getId()), readers -> ImageLook.diff(readers.getFirst().manifest(), readers.getLast().manifest()));
    }

    public VerifyImageResponse verify(String id) {
        Image image = find(id);
        Images.Verification found = images.verify(id);
        return VerifyImageResponse.newBuilder().setImage(image).setChunks(found.chunks()).setBytes(found.bytes()).addAllDamage(found.damage()).build();
    }

    /**
     * Deletes an image, also one that only the store knows.
     *
     * @throws FerryException IMAGE_IN_USE when it is the only way back for a job, whose node may be lost, or an operation works on the job; STORE_*: it has left the
     *     catalogue, and leaves the store with the next collection
     */
    public DeleteImageResponse delete(String id) {
        String owner = Keys.job(id);
        store.transact(
                state -> {
                    Optional<Job> job = state.job(owner);
                    job.ifPresent(user -> refuseIfUsed(user, id));
                    // The catalogue first: what is not in it is not offered, whatever becomes of the rest.
                    state.image(id).ifPresent(image -> Expiry.expire(state, image));
                    job.filter(user -> user.getLatestImage().equals(id))
                            .ifPresent(
                                    user -> {
                                        // Of a job that went back there are later ones, whose way it did not go.
                                        List<Image> earlier = state.images(owner).stream().filter(image -> image.getSequence() < Keys.sequence(id)).toList();
                                        state.put(user.toBuilder().setLatestImage(earlier.isEmpty() ? "" : earlier.getLast().getId()).build());
                                    });
                    return true;
                });
        Collection collected;
        try {
            collected = images.delete(id, terms);
        } catch (FerryException failed) {
            if (failed.code() == ErrorCode.IMAGE_NOT_FOUND && images.showsWhich()) {
                Expiry.gone(store, id);
            }
            throw failed;
        }
        Expiry.gone(store, id);
        return DeleteImageResponse.newBuilder().setImage(id).setFreedBytes(collected.getFreedBytes()).setCondemnedBytes(collected.getCondemnedBytes()).build();
    }

    private static void refuseIfUsed(Job job, String id) {
        if (!job.getOperation().isEmpty()) {
            throw new FerryException(ErrorCode.IMAGE_IN_USE, "Operation " + job.getOperation() + " works on job " + job.getId());
        }
        // One whose node does not answer may run there; if it does not, the image is what is left of it.
        boolean runs = JobStates.isOnNode(job.getState()) && job.getState() != JobState.UNREACHABLE;
        boolean onlyWay = job.getLatestImage().equals(id) && !JobStates.isEnded(job.getState()) && !runs;
        if (onlyWay) {
            throw new FerryException(ErrorCode.IMAGE_IN_USE, "Job " + job.getId() + " is " + JobStates.name(job.getState()) + " and comes back from image " + id);
        }
    }
}
