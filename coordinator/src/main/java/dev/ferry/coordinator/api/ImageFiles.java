package dev.ferry.coordinator.api;

import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.common.Sizes;
import dev.ferry.coordinator.ImageFilesConfig;
import dev.ferry.coordinator.access.Caller;
import dev.ferry.coordinator.accounts.Admission;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.ImportImageResponse;
import dev.ferry.proto.v1.ImportTerms;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobQueue;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Requirements;
import dev.ferry.storage.Images;
import dev.ferry.storage.Tenants;
import dev.ferry.storage.image.ImageFile;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * Images as files. One that comes in becomes the only image of a new job, suspended in its first life, which was
 * elsewhere: no node has ever heard of it, so that nothing that lives here or there is touched, whatever cluster the
 * file comes from and however often it is taken in.
 */
final class ImageFiles {
    /** A chunk's names and places, in the manifest as it comes and goes, in maps and lists: measured by arithmetic, rounded up. */
    private static final long BYTES_OF_CHUNK = 512;
    /** The manifests of files that come in get one of so many parts of the heap, together, while they are read and wait for memory. */
    private static final long PART = 3;
    private static final long PARTS_OF_MANIFEST = 32;
    private static final long FIRST = 1;

    private final StateStore store;
    private final Images images;
    private final Gate gate;
    private final long largest;
    private final int parallel;
    private final Duration silence;
    private final Semaphore turns;
    private final int ownParallel;
    /** Of each user that ever moved one: who moves several leaves a turn to others. */
    private final Map<String, Semaphore> ownTurns = new ConcurrentHashMap<>();
    private final long heap;

    ImageFiles(StateStore store, Images images, Gate gate, ImageFilesConfig config) {
        this.store = store;
        this.images = images;
        this.gate = gate;
        largest = Sizes.parse(config.largest());
        parallel = config.parallel();
        silence = Durations.parse(config.silence());
        turns = new Semaphore(parallel, true);
        ownParallel = Math.max(1, parallel - 1);
        heap = Runtime.getRuntime().maxMemory();
    }

    /** After how long without a byte a transfer is given up. */
    Duration silence() {
        return silence;
    }

    interface Transfer<T> {
        T run() throws IOException, InterruptedException;
    }

    private <T> T inTurn(Transfer<T> transfer) throws IOException, InterruptedException {
        Caller caller = Caller.current();
        String user = caller.owner().getUser().isEmpty() ? caller.name() : caller.owner().getUser();
        Semaphore own = ownTurns.computeIfAbsent(user, name -> new Semaphore(ownParallel, true));
        if (!own.tryAcquire(silence.toMillis(), TimeUnit.MILLISECONDS)) {
            throw new FerryException(
                    ErrorCode.DEADLINE_EXCEEDED, ownParallel + " other images are exported or imported for " + user + ", and none ended within " + silence.toSeconds() + " s; one turn is left to others (imageFiles.parallel)");
        }
        try {
            return inTurnOfAll(transfer);
        } finally {
            own.release();
        }
    }

    private <T> T inTurnOfAll(Transfer<T> transfer) throws IOException, InterruptedException {
        if (!turns.tryAcquire(silence.toMillis(), TimeUnit.MILLISECONDS)) {
            throw new FerryException(ErrorCode.DEADLINE_EXCEEDED, parallel + " other images are exported or imported, and none ended within " + silence.toSeconds() + " s (imageFiles.parallel)");
        }
        try {
            return transfer.run();
        } finally {
            turns.release();
        }
    }

    /**
     * @return bytes that were written
     * @throws FerryException IMAGE_NOT_FOUND, CHUNK_CORRUPT, CHUNK_MISSING, MANIFEST_CORRUPT, STORE_*, DEADLINE_EXCEEDED
     */
    long export(String image, OutputStream to) throws IOException, InterruptedException {
        Image found = store.transact(state -> state.image(image)).orElseThrow(() -> new FerryException(ErrorCode.IMAGE_NOT_FOUND, "There is no image '" + image + "'"));
        return inTurn(() -> images.within(List.of(found.getId()), BYTES_OF_CHUNK, () -> images.exportFile(found.getId(), to)));
    }

    /**
     * @throws FerryException IMAGE_FILE_CORRUPT, FORMAT_UNKNOWN, INVALID_ARGUMENT, UNAUTHENTICATED, FORBIDDEN, NAME_TAKEN, ACCOUNT_NOT_FOUND,
     *     QOS_NOT_FOUND, PARTITION_NOT_FOUND, STORE_*, DEADLINE_EXCEEDED; then there is neither job nor image
     */
    ImportImageResponse load(ImportTerms terms, InputStream from) throws IOException, InterruptedException {
        return inTurn(
                () -> {
                    ImageFile file = ImageFile.open(from, "that was sent", largest, heap / PARTS_OF_MANIFEST, heap / PART / parallel);
                    return images.memory().within(file.chunks() * BYTES_OF_CHUNK, silence, () -> take(terms, file));
                });
    }

    private ImportImageResponse take(ImportTerms terms, ImageFile file) throws IOException {
        Image was = file.manifest().getImage();
        String id = Ids.newJob();
        JobSpec spec = spec(terms, file.manifest().getSpec(), was.getJob(), id);
        // Before the long part, and again after it.
        JobQueue ignored = store.transact(state -> admit(state, spec));
        Image facts = was.toBuilder().setJob(id).setIncarnation(FIRST).setSequence(FIRST).clearOperation().build();
        Image image = images.forTenant(Tenants.of(spec)).importFile(file, Ids.image(id, FIRST), facts, spec);
        try {
            // Hours may have passed, in which whoever sends was put out.
            gate.again(Caller.current());
            Job job =
                    store.transact(
                            state -> {
                                JobQueue queue = admit(state, spec);
                                state.put(image);
                                Requirements needs = image.getRequirements();
                                return state.put(
                                        (needs.hasGpuFiles() ? Job.newBuilder().setGpuFiles(needs.getGpuFiles()) : Job.newBuilder())
                                                .setId(id)
                                                .setSpec(spec)
                                                .setState(JobState.SUSPENDED)
                                                .setIncarnation(FIRST)
                                                .setLastSequence(FIRST)
                                                .setLatestImage(image.getId())
                                                .setSubmittedAt(state.now())
                                                .setQueue(queue)
                                                .setReason(was.getJob().isEmpty() ? "imported; it was a dump of criu" : "imported; it was image " + was.getId())
                                                .build());
                            });
            return ImportImageResponse.newBuilder().setJob(job).setImage(image).build();
        } catch (FerryException refused) {
            // Where it is not known whether the job was written down, the image stays: `ferry store fsck` names it if nothing else does.
            if (refused.code() != ErrorCode.DATABASE_UNREACHABLE && refused.code() != ErrorCode.NOT_LEADER) {
                long unused = images.forget(image.getId());
            }
            throw refused;
        }
    }

    private static JobQueue admit(Transaction state, JobSpec spec) {
        JobQueue queue = Admission.admit(state, spec);
        Verbs.requireFreeName(state, queue.getUser(), spec.getName());
        return queue;
    }

    /** As it was submitted elsewhere, but for what only means something there. */
    private static JobSpec spec(ImportTerms terms, JobSpec was, String formerId, String id) {
        boolean unnamed = was.getName().isEmpty() || was.getName().equals(formerId);
        String name = terms.getName().isEmpty() ? (unnamed ? "" : was.getName()) : terms.getName();
        JobSpec spec =
                was.toBuilder()
                        .setName(name)
                        .setUserName(terms.getUserName())
                        .setAccount(terms.getAccount())
                        .setQos(terms.getQos())
                        .setPartition(terms.getPartition())
                        .clearNode()
                        .build();
        JobSpec own = Caller.current().inItsName(spec);
        JobSpecs.check(own);
        // As of any job without a name; the check refuses what looks like an id.
        return own.getName().isEmpty() ? own.toBuilder().setName(id).build() : own;
    }
}
