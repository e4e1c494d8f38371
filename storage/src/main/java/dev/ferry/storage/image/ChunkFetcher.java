package dev.ferry.storage.image;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.storage.ObjectStore;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;

/**
 * Fetches chunks, several neighbours of a pack by one request, on threads of its own, and verifies each
 * before it is given out. How much is fetched ahead is bounded for all readers of the process together.
 */
public final class ChunkFetcher implements AutoCloseable {
    private static final int THREADS = 6;

    /** Groups that are there, or on their way, before they are asked for. */
    private static final int AHEAD = 16;

    private final ObjectStore store;
    private final Optional<ChunkCache> cache;
    private final ExecutorService threads =
            Executors.newFixedThreadPool(THREADS, work -> Thread.ofPlatform().daemon().name("fetch").unstarted(work));
    private final Blocks blocks = new Blocks();
    private final Semaphore ahead = new Semaphore(AHEAD);

    /**
     * @param cache what is asked before the store, and keeps what came from there
     */
    public ChunkFetcher(ObjectStore store, Optional<ChunkCache> cache) {
        this.store = store;
        this.cache = cache;
    }

    /** Whether what is fetched is kept. */
    public boolean isKept() {
        return keeps() > 0;
    }

    /** Of how many bytes, as they are stored, what is fetched is kept; 0: nothing is. */
    long keeps() {
        return cache.map(ChunkCache::room).orElse(0L);
    }

    /**
     * One chunk that is wanted.
     *
     * @param check see {@link ChunkCheck}
     */
    record Wanted(ChunkName name, long check, int length, ChunkPlace place) {
        /** The n-th of a list, which is stored. */
        static Wanted of(Manifest manifest, ChunkList list, int index) {
            ChunkPlace place = ChunkPlace.of(manifest, list, index);
            return new Wanted(ChunkName.of(list.getHashes(), index), ChunkCheck.of(list.getChecks(), index), list.getLengths(index), place);
        }
    }

    /** Whether one more group may be fetched before it is asked for; {@link #consumed} gives the right back. */
    boolean mayFetchAhead() {
        return ahead.tryAcquire();
    }

    void consumed() {
        ahead.release();
    }

    /** Fetches neighbours of one pack. */
    CompletableFuture<Fetched> fetch(String image, List<Wanted> neighbours, StoredChunk.Proof proof, ChunkOrigins origins) {
        return CompletableFuture.supplyAsync(() -> fetchNow(image, neighbours, proof, origins), threads);
    }

    /** What is done with neighbours when it is their turn. */
    interface Taker<E extends Exception> {
        /**
         * @param content on its way or failed; whoever takes it closes it
         */
        void take(List<Wanted> neighbours, CompletableFuture<Fetched> content) throws E;
    }

    /**
     * Fetches groups of neighbours, proves them by their names and gives them one after the other, with the next ones on their way.
     *
     * @param most groups that are on their way or there at a time
     * @throws E as the taker does; what was not taken then is given back
     */
    <E extends Exception> void inOrder(String image, List<List<Wanted>> groups, int most, Taker<E> taker) throws E {
        Deque<CompletableFuture<Fetched>> ahead = new ArrayDeque<>();
        ChunkOrigins origins = ChunkOrigins.withoutPeer();
        int ordered = 0;
        try {
            for (List<Wanted> group : groups) {
                while (ordered < groups.size() && ahead.size() < most) {
                    ahead.add(fetch(image, groups.get(ordered++), StoredChunk.Proof.NAME, origins));
                }
                taker.take(group, ahead.removeFirst());
            }
        } finally {
            ahead.forEach(Fetched::closeWhenThere);
        }
    }

    /**
     * From this node's cache, then from the peer, then from the store.
     *
     * @throws FerryException CHUNK_CORRUPT, CHUNK_MISSING, STORE_*
     */
    Fetched fetchNow(String image, List<Wanted> neighbours, StoredChunk.Proof proof, ChunkOrigins origins) {
        int storedBytes = neighbours.stream().mapToInt(wanted -> wanted.place().stored()).sum();
        ByteBuffer block = blocks.take(storedBytes + neighbours.stream().mapToInt(wanted -> room(image, wanted)).sum());
        Fetched fetched = new Fetched(blocks, block);
        boolean whole = false;
        try {
            ChunkGroup group = new ChunkGroup(image, neighbours, block.slice(0, storedBytes), block.slice(storedBytes, block.capacity() - storedBytes));
            Optional<ChunkCache> own = origins.isStoreAlone() ? Optional.empty() : cache;
            own.ifPresent(there -> group.take(there, proof, origins));
            BitSet here = group.whole();
            if (!group.isWhole()) {
                origins.peer().ifPresent(peer -> group.take(peer, origins));
            }
            if (!group.isWhole()) {
                group.read(store, proof, origins);
            }
            own.ifPresent(there -> group.keep(there, here));
            group.moveTo(fetched);
            whole = true;
            return fetched;
        } finally {
            if (!whole) {
                fetched.close();
            }
        }
    }

    private static int room(String image, Wanted wanted) {
        try {
            return StoredChunk.room(wanted.length(), wanted.place().stored());
        } catch (StoredChunk.Damaged damaged) {
            throw ChunkGroup.corrupt(image, wanted, String.valueOf(damaged.getMessage()));
        }
    }

    /** Ends the threads; what is on its way comes to its end. */
    @Override
    public void close() {
        threads.shutdown();
    }
}
