package dev.ferry.storage;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.VolumeEntry;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * An image on its way into the store. It does not exist before {@link #commit}, and is whole and
 * durable after it. Files and volumes may be written by several threads, one run of bytes each.
 */
public interface ImageWriter extends AutoCloseable {
    /** For a commit without a deadline of its own. */
    Duration LONGEST = Duration.ofHours(1);

    /** Where the buffers for {@link ByteSink#write} come from. */
    BufferPool buffers();

    /**
     * A cleared buffer of {@link #buffers}; waits while none is free, and counts that time.
     */
    ByteBuffer take() throws InterruptedException;

    /** The previous image; empty: there is none that can be read, and all is new. */
    Optional<Manifest> previous();

    /** Where the image's bytes waited on their way so far. */
    Spooled spooled();

    /**
     * Where bytes waited between whoever wrote them and the workers.
     *
     * @param memoryBytes in buffers of the pool
     * @param diskBytes in the spool's file, because the pool was used up
     * @param waitedNanos how long writers waited, because both were
     */
    record Spooled(long memoryBytes, long diskBytes, long waitedNanos) {}

    /** Where room is asked for before a chunk or an entry is kept in the memory of this process, until the image is written. Safe for threads. */
    interface Room {
        /**
         * @throws FerryException when there is none: the image fails with it
         */
        void take(int chunks);
    }

    /** Asks for room from here on: before it is said, an image takes as much as it needs. */
    void room(Room room);

    /** One of CRIU's files. */
    ByteSink file(String name);

    /** An entry of a volume that has no content of its own: folder, symlink, fifo, hard link. */
    void entry(String volume, VolumeEntry entry);

    /** A regular file of a volume; size and chunks of the entry are filled in by the writer. */
    ByteSink regular(String volume, VolumeEntry entry);

    /**
     * A regular file that is as it was in the previous image: its chunks are taken from there.
     *
     * @param unchanged an entry of the previous image's manifest
     * @return false: not all of them may be counted on any more, the file has to be given by {@link #regular}
     */
    boolean unchanged(String volume, VolumeEntry unchanged);

    /** What the job was submitted as: goes into the manifest, so that an image alone says all that is needed to bring the job back. */
    void spec(JobSpec spec);

    /**
     * In which order CRIU asked for its files when the job came back last: the next restore fetches them so.
     *
     * @param names of files that need not be in this image
     */
    void restoreOrder(List<String> names);

    /**
     * Whether whoever the bytes are of stands still until all are given, and goes on here then: what he is given is remembered for his next image. As long as there is room for them, what is done
     * with them waits where it would take cores from who gives them; without room the word is taken back.
     */
    void sourceStandsStill(boolean still);

    /** Bytes that were given to it so far, those of unchanged files among them, whether or not it has looked at them; zeros that nobody read are not. */
    long bytesIn();

    /** Bytes sent to the store so far. */
    long bytesSent();

    /** Bytes of windows whose names this process remembered so far, so that they were not hashed for them. */
    long recognisedBytes();

    /**
     * All runs of bytes are closed: waits until every chunk is durable, then writes the manifest,
     * create-only.
     *
     * @param image facts that the writer can't know (id, job, incarnation, times, requirements);
     *     byte and chunk counts are filled in
     * @return the image as recorded in the manifest
     * @param atMost how long chunks that are still on their way are waited for
     * @throws FerryException STORE_*, DUMP_TIMEOUT, or OBJECT_EXISTS when the image's id is taken
     */
    Image commit(Image image, Duration atMost);

    /** As {@link #commit(Image, Duration)}, with the time in which any store that answers has all. */
    default Image commit(Image image) {
        return commit(image, LONGEST);
    }

    /** The image can't become whole: whoever writes to it gets this error from now on, and what was written is dropped. */
    void fail(FerryException why);

    /** Gives up, if not committed: no manifest is written; packs that were sent are swept later. */
    @Override
    void close();
}
