package dev.ferry.storage.image;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.ObjectStore;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Puts the chunks of one image into packs and sends full packs beside. A chunk that is known (from the
 * image before, or from earlier in this one) is not put in again.
 *
 * <p>No image waits for another's: threads that name chunks are shared by all, and an image whose pack is half full needs them
 * to fill it. So one that has no pack waits for a buffer only while packs of its own are on their way, and else gets a small one.
 */
final class PackWriter {
    /** What the threads that send are called. */
    static final String THREADS = "upload";
    private static final int UPLOADS = 3;
    /** A disk that takes longer for what lies in a pack holds up the image, and perhaps a frozen job: for this long, once. */
    private static final Duration SLOW = Duration.ofSeconds(1);
    private static final Logger LOG = LoggerFactory.getLogger(PackWriter.class);

    private final ObjectStore store;
    private final PackBuffers buffers;
    private final String image;
    private final String writer;
    private final Map<ChunkName, ChunkPlace> known = new HashMap<>();
    private final ThreadPoolExecutor uploads =
            new ThreadPoolExecutor(UPLOADS, UPLOADS, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), work -> Thread.ofPlatform().daemon().name(THREADS).unstarted(work));
    private final Optional<ChunkCache> cache;
    private final Consumer<Throwable> onFailure;
    private int uploading;
    private int uploaded;
    private final AtomicLong sentBytes = new AtomicLong();
    private byte @Nullable [] current;
    private String currentKey = "";
    private int filled;
    /** What lies in it, in order. */
    private List<Packed> content = new ArrayList<>();
    /** How many bytes the cache may still get: with more of one image the first of them would go again. */
    private long keeps;
    private volatile boolean cacheIsSlow;
    private int count;
    private boolean givenUp;

    /** A chunk in the pack that is filled. */
    private record Packed(ChunkName name, int offset, int length) {}

    /**
     * @param cache keeps what was sent
     */
    PackWriter(ObjectStore store, PackBuffers buffers, String image, String writer, Optional<ChunkCache> cache, Consumer<Throwable> onFailure) {
        this.store = store;
        this.buffers = buffers;
        this.image = image;
        this.writer = writer;
        this.cache = cache;
        keeps = cache.map(ChunkCache::room).orElse(0L);
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

    /**
     * Puts a chunk into a pack, unless another thread was faster.
     *
     * @throws FerryException STORE_UNREACHABLE when none of the packs on their way comes to its end for very long, CANCELLED
     */
    synchronized ChunkPlace add(ChunkName name, ByteBuffer stored) throws InterruptedException {
        int length = stored.remaining();
        byte[] pack = null;
        // While one waits others may have begun a pack, filled it, or put in the same chunk.
        while (pack == null) {
            ChunkPlace there = known.get(name);
            if (there != null) {
                return there;
            }
            if (current != null && filled + length > current.length) {
                send();
            }
            if (current == null) {
                begin();
            }
            pack = current;
            if (pack == null) {
                awaitUpload(buffers.longest().toNanos());
            }
        }
        stored.get(pack, filled, length);
        ChunkPlace place = new ChunkPlace(currentKey, filled, length);
        if (keeps >= ChunkCache.bytesOf(length)) {
            keeps -= ChunkCache.bytesOf(length);
            content.add(new Packed(name, filled, length));
        }
        filled += length;
        known.put(name, place);
        return place;
    }

    /** Begins a pack, if there is a buffer for it. */
    private void begin() {
        byte[] free = buffers.poll();
        if (free == null && uploading == 0) {
            free = PackBuffers.small();
        }
        if (free != null) {
            current = free;
            currentKey = Keys.pack(image, writer, count++);
            filled = 0;
        }
    }

    /** Waits until one of the packs on their way is at its end. */
    private void awaitUpload(long atMostNanos) throws InterruptedException {
        long end = System.nanoTime() + atMostNanos;
        int before = uploaded;
        while (uploaded == before && uploading > 0) {
            if (givenUp) {
                throw new FerryException(ErrorCode.CANCELLED, "The write of image " + image + " was given up");
            }
            long left = end - System.nanoTime();
            if (left <= 0) {
                throw new FerryException(ErrorCode.STORE_UNREACHABLE, "None of the " + uploading + " packs of image " + image + " that are sent to the store has been taken within " + TimeUnit.NANOSECONDS.toSeconds(atMostNanos) + " s");
            }
            TimeUnit.NANOSECONDS.timedWait(this, left);
        }
    }

    private void send() {
        byte[] pack = current;
        if (pack == null) {
            return;
        }
        String key = currentKey;
        int length = filled;
        List<Packed> kept = content;
        content = new ArrayList<>();
        current = null;
        uploading++;
        uploads.execute(
                () -> {
                    try {
                        store.put(key, ByteBuffer.wrap(pack, 0, length));
                        sentBytes.addAndGet(length);
                        // Before the pack counts as sent: when the image is whole other nodes may ask for what is in it.
                        keep(pack, kept);
                    } catch (RuntimeException | Error failed) {
                        onFailure.accept(failed);
                    } finally {
                        buffers.give(pack);
                        uploaded();
                    }
                });
    }

    /** Here and not by those who fill packs: they are what a frozen job waits for, and these threads wait for the store most of the time. */
    private void keep(byte[] pack, List<Packed> chunks) {
        long begin = System.nanoTime();
        boolean slow = false;
        try {
            for (Packed chunk : chunks) {
                slow = System.nanoTime() - begin > SLOW.toNanos();
                if (slow || cacheIsSlow) {
                    break;
                }
                cache.ifPresent(there -> there.put(chunk.name(), ByteBuffer.wrap(pack, chunk.offset(), chunk.length())));
            }
        } catch (RuntimeException | Error failed) {
            // No image is worse for it.
            LOG.warn("chunks of image {} are not kept in this node's cache", image, failed);
        }
        if (slow) {
            LOG.warn("the disk of this node's cache is slow: it keeps no more chunks of image {}", image);
            keepNoMore();
        }
    }

    private synchronized void keepNoMore() {
        cacheIsSlow = true;
        keeps = 0;
    }

    private synchronized void uploaded() {
        uploading--;
        uploaded++;
        notifyAll();
    }

    /**
     * Sends the last pack and waits until every pack is durable, or has failed.
     *
     * @throws FerryException STORE_UNREACHABLE when none of them comes to its end for very long
     */
    void finish() throws InterruptedException {
        finish(Long.MAX_VALUE);
    }

    /** @return false: packs are still on their way after that time */
    synchronized boolean finish(long atMostNanos) throws InterruptedException {
        long begin = System.nanoTime();
        send();
        while (uploading > 0) {
            long left = atMostNanos - (System.nanoTime() - begin);
            if (left <= 0) {
                return false;
            }
            long longest = buffers.longest().toNanos();
            if (left > longest) {
                awaitUpload(longest);
            } else {
                TimeUnit.NANOSECONDS.timedWait(this, left);
            }
        }
        return true;
    }

    /** Whoever waits for a buffer is told that the image is none any more. */
    synchronized void giveUp() {
        givenUp = true;
        notifyAll();
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
