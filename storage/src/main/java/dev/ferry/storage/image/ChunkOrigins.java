package dev.ferry.storage.image;

import dev.ferry.storage.ChunkPeer;
import dev.ferry.storage.ImageReader;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** From where the chunks of one image come while it is read: counts them, and knows the peer that may be asked, until it has failed once. Safe for threads. */
final class ChunkOrigins implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ChunkOrigins.class);

    /** So many questions in a row for which a peer has nothing: it has forgotten the image, or this part of it. */
    static final int PATIENCE = 64;

    /** What an answer may take for each that is on its way at the same time, by the same connection; for about a megabyte no store that is worth asking needs more. */
    static final Duration USUAL = Duration.ofMillis(200);

    /** How long readers may wait in all for answers that are late, those who wait at the same time counted once: a peer that is slow each time would cost more than its chunks are worth. */
    static final Duration MOST_LATE = Duration.ofSeconds(2);

    /** Then only one of so many groups is asked for: each question takes as long as a network's way there and back. */
    static final int SELDOM = 16;

    private final AtomicReference<@Nullable ChunkPeer> peer;
    private final boolean storeAlone;
    private final AtomicInteger inVain = new AtomicInteger();
    private final AtomicInteger passedOver = new AtomicInteger();
    private final AtomicInteger onTheirWay = new AtomicInteger();
    private final Lateness lateness = new Lateness();
    private final AtomicLong cacheBytes = new AtomicLong();
    private final AtomicLong peerBytes = new AtomicLong();
    private final AtomicLong storeBytes = new AtomicLong();

    /**
     * @param peer is asked before the store, and closed with this
     */
    ChunkOrigins(Optional<ChunkPeer> peer) {
        this(peer, false);
    }

    private ChunkOrigins(Optional<ChunkPeer> peer, boolean storeAlone) {
        this.peer = new AtomicReference<>(peer.orElse(null));
        this.storeAlone = storeAlone;
    }

    /** For whoever asks no peer. */
    static ChunkOrigins withoutPeer() {
        return new ChunkOrigins(Optional.empty());
    }

    /** For whoever wants to know what the store holds. */
    static ChunkOrigins ofStoreAlone() {
        return new ChunkOrigins(Optional.empty(), true);
    }

    /** Whether nothing may come from this node's cache, nor be kept there. */
    boolean isStoreAlone() {
        return storeAlone;
    }

    /** Who is to be asked for the next group; empty: nobody. */
    Optional<ChunkPeer> peer() {
        boolean seldom = inVain.get() >= PATIENCE;
        return seldom && passedOver.incrementAndGet() % SELDOM != 0 ? Optional.empty() : Optional.ofNullable(peer.get());
    }

    /**
     * A peer is about to be asked.
     *
     * @return how many questions, with this one, are on their way to it
     */
    int asking() {
        return onTheirWay.incrementAndGet();
    }

    /** A question to a peer is over, with an answer or without. */
    void asked() {
        int ignored = onTheirWay.decrementAndGet();
    }

    /**
     * A peer has answered, with chunks or without any.
     *
     * @param asked whom
     * @param beside how many questions, with this one, were on their way to it
     * @param begin when it was asked, and
     * @param end when it had answered, both of {@link System#nanoTime}
     */
    void answered(ChunkPeer asked, boolean gave, int beside, long begin, long end) {
        if (lateness.answered(USUAL.multipliedBy(beside), begin, end).compareTo(MOST_LATE) > 0) {
            giveUp(asked, "its answers take too long");
        }
        if (gave) {
            inVain.set(0);
        } else {
            inVain.incrementAndGet();
        }
    }

    /** The peer is asked nothing more: who waits for it now goes to the store at once, so that it costs the image one bounded moment and not one for each reader. */
    void giveUp(ChunkPeer failed, String why) {
        if (peer.compareAndSet(failed, null)) {
            LOG.warn("{} is asked for no more chunks, the others come from the store: {}", failed, why);
            failed.close();
        }
    }

    void fromCache(long bytes) {
        cacheBytes.addAndGet(bytes);
    }

    void fromPeer(long bytes) {
        peerBytes.addAndGet(bytes);
    }

    void fromStore(long bytes) {
        storeBytes.addAndGet(bytes);
    }

    /** What has come so far. */
    ImageReader.Origins soFar() {
        return new ImageReader.Origins(cacheBytes.get(), peerBytes.get(), storeBytes.get());
    }

    @Override
    public void close() {
        ChunkPeer last = peer.getAndSet(null);
        if (last != null) {
            last.close();
        }
    }
}
