package dev.ferry.storage.image;

import dev.ferry.storage.ObjectStore;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Puts the chunks of one image into packs and sends full packs beside. A chunk that is known (from the
 * image before, or from earlier in this one) is not put in again.
 */
final class PackWriter {
    private static final int UPLOADS = 3;

    private final ObjectStore store;
    private final PackBuffers buffers;
    private final String image;
    private final String writer;
    private final Map<ChunkName, ChunkPlace> known = new HashMap<>();
    private final ThreadPoolExecutor uploads =
            new ThreadPoolExecutor(UPLOADS, UPLOADS, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), work -> Thread.ofPlatform().daemon().name("upload").unstarted(work));
    private final Consumer<Throwable> onFailure;
    private int uploading;
    private final AtomicLong sentBytes = new AtomicLong();
    private byte @Nullable [] current;
    private String currentKey = "";
    private int filled;
    private int count;

    PackWriter(ObjectStore store, PackBuffers buffers, String image, String writer, Consumer<Throwable> onFailure) {
        this.store = store;
        this.buffers = buffers;
        this.image = image;
        this.writer = writer;
        this.onFailure = onFailure;
        // Not by the first worker that fills a pack: a thread has the priority of the one that made it, and a frozen job waits for these.
        int ignored = uploads.prestartAllCoreThreads();
    }

    synchronized void learn(ChunkName name, ChunkPlace place) {
        known.putIfAbsent(name, place);
    }

    synchronized @Nullable ChunkPlace find(ChunkName name) {
        return known.get(name);
    }

    /** Puts a chunk into a pack, unless another thread was faster. */
    synchronized ChunkPlace add(ChunkName name, ByteBuffer stored) throws InterruptedException {
        ChunkPlace there = known.get(name);
        if (there != null) {
            return there;
        }
        int length = stored.remaining();
        if (current != null && filled + length > current.length) {
            send();
        }
        byte[] pack = current;
        if (pack == null) {
            pack = buffers.take();
            current = pack;
            currentKey = Keys.pack(image, writer, count++);
            filled = 0;
        }
        stored.get(pack, filled, length);
        ChunkPlace place = new ChunkPlace(currentKey, filled, length);
        filled += length;
        known.put(name, place);
        return place;
    }

    private void send() {
        byte[] pack = current;
        if (pack == null) {
            return;
        }
        String key = currentKey;
        int length = filled;
        current = null;
        uploading++;
        uploads.execute(
                () -> {
                    try {
                        store.put(key, ByteBuffer.wrap(pack, 0, length));
                        sentBytes.addAndGet(length);
                    } catch (RuntimeException | LinkageError | OutOfMemoryError failed) {
                        onFailure.accept(failed);
                    } finally {
                        buffers.give(pack);
                        uploaded();
                    }
                });
    }

    private synchronized void uploaded() {
        uploading--;
        notifyAll();
    }

    /** Sends the last pack and waits until every pack is durable, or has failed. */
    synchronized void finish() throws InterruptedException {
        send();
        while (uploading > 0) {
            wait();
        }
    }

    long sentBytes() {
        return sentBytes.get();
    }

    /** Ends the threads; a pack that was not sent is dropped, one that is being sent gets to its end. */
    synchronized void close() {
        byte[] pack = current;
        current = null;
        if (pack != null) {
            buffers.give(pack);
        }
        uploads.shutdown();
    }
}
