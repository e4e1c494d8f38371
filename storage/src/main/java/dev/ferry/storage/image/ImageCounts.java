package dev.ferry.storage.image;

import dev.ferry.proto.v1.Image;
import dev.ferry.storage.ImageWriter;
import java.util.concurrent.atomic.AtomicLong;

/** What is counted of an image on its way, in bytes and in chunks. Safe for threads. */
final class ImageCounts {
    private final AtomicLong bytesIn = new AtomicLong();
    private final AtomicLong chunks = new AtomicLong();
    private final AtomicLong knownChunks = new AtomicLong();
    private final AtomicLong zeroBytes = new AtomicLong();
    private final AtomicLong holeBytes = new AtomicLong();
    private final AtomicLong memoryBytes = new AtomicLong();
    private final AtomicLong diskBytes = new AtomicLong();
    private final AtomicLong recognisedBytes = new AtomicLong();
    private final AtomicLong waitedNanos = new AtomicLong();

    /** Bytes that the image takes over. */
    void takesIn(int bytes) {
        bytesIn.addAndGet(bytes);
    }

    /** Zeros of the image that nobody had to read. */
    void passesOver(long bytes) {
        holeBytes.addAndGet(bytes);
    }

    long bytesIn() {
        return bytesIn.get();
    }

    /** A chunk, which the store has already or not. */
    void chunk(boolean known) {
        chunks.incrementAndGet();
        if (known) {
            knownChunks.incrementAndGet();
        }
    }

    /** Zeros, which are no chunk. */
    void zeros(int bytes) {
        zeroBytes.addAndGet(bytes);
    }

    /** Bytes of a window whose name was remembered. */
    void recognised(int bytes) {
        recognisedBytes.addAndGet(bytes);
    }

    long recognisedBytes() {
        return recognisedBytes.get();
    }

    void waitsInMemory(int bytes) {
        memoryBytes.addAndGet(bytes);
    }

    void waitsOnDisk(int bytes) {
        diskBytes.addAndGet(bytes);
    }

    /** Whoever gives bytes has waited for room. */
    void waited(long nanos) {
        waitedNanos.addAndGet(nanos);
    }

    ImageWriter.Spooled spooled() {
        return new ImageWriter.Spooled(memoryBytes.get(), diskBytes.get(), waitedNanos.get());
    }

    void writeTo(Image.Builder facts) {
        facts.setBytes(bytesIn.get() + holeBytes.get()).setHoleBytes(holeBytes.get()).setChunks(chunks.get()).setKnownChunks(knownChunks.get()).setZeroBytes(zeroBytes.get());
    }
}
