package dev.ferry.storage;

import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.image.StoredManifest;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * Memory for whoever works with whole manifests: a third of the heap for all of them together, whatever they do, so that no number of requests takes
 * what everything else needs. Who has none waits; what is larger than all of it is refused. Safe for threads.
 */
public final class ManifestMemory {
    private static final long PART = 3;
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    private final long heap;
    private final int kibibytes;
    private final Semaphore free;

    /**
     * @param heap how large it may become, in bytes
     */
    ManifestMemory(long heap) {
        this.heap = heap;
        kibibytes = (int) Math.min(Integer.MAX_VALUE, (heap >> 10) / PART);
        free = new Semaphore(kibibytes, true);
    }

    /** What is done while the memory is there for it. */
    public interface Work<T, E extends Exception> {
        T run() throws E;
    }

    /**
     * Works with whole manifests, which the work reads by itself. To know what they take their lists are read before, and not kept; by one at a time.
     *
     * @param bytesOfPiece what the work takes for each chunk: see {@link StoredManifest#pieces}
     * @throws FerryException as {@link StoredManifest#open(ObjectStore, String)} and {@link #within}
     */
    public <T, E extends Exception> T with(ObjectStore store, List<String> images, long bytesOfPiece, Work<T, E> work) throws E {
        return within(pieces(store, images) * bytesOfPiece, PATIENCE, work);
    }

    private synchronized long pieces(ObjectStore store, List<String> images) {
        return images.stream().mapToLong(image -> StoredManifest.open(store, image).pieces()).sum();
    }

    /** For work that reads a manifest list by list and keeps none of them, as it is done here to know what whole ones take: one at a time does so, and takes no more than its longest list. */
    public synchronized <T, E extends Exception> T oneByOne(Work<T, E> work) throws E {
        return work.run();
    }

    /**
     * @param bytes what the work takes of the heap
     * @param patience how long it waits for others
     * @throws FerryException OBJECT_TOO_LARGE, DEADLINE_EXCEEDED, CANCELLED
     */
    public <T, E extends Exception> T within(long bytes, Duration patience, Work<T, E> work) throws E {
        long wanted = Math.ceilDiv(bytes, 1 << 10);
        if (wanted > kibibytes) {
            long enough = Math.max(heap, bytes * PART);
            throw new FerryException(
                    ErrorCode.OBJECT_TOO_LARGE,
                    "What lists the chunks of the image takes " + Sizes.format(bytes) + " of memory, and this process has " + Sizes.format((long) kibibytes << 10) + " for that; start it with FERRY_JAVA_OPTS=-Xmx"
                            + Math.ceilDiv(enough, 1 << 20) + "m");
        }
        if (!take((int) wanted, patience)) {
            throw new FerryException(ErrorCode.DEADLINE_EXCEEDED, "Others who read whole images took all memory for that, and did not give it back within " + patience.toSeconds() + " s");
        }
        try {
            return work.run();
        } finally {
            free.release((int) wanted);
        }
    }

    private boolean take(int wanted, Duration patience) {
        try {
            return free.tryAcquire(wanted, patience.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new FerryException(ErrorCode.CANCELLED, "The wait for memory was interrupted", interrupted);
        }
    }
}
