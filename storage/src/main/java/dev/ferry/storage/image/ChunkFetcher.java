package dev.ferry.storage.image;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.ObjectStore;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
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
    private static final int AHEAD = 48;

    private final ObjectStore store;
    private final Optional<ChunkCache> cache;
    private final ExecutorService threads =
            Executors.newFixedThreadPool(THREADS, work -> Thread.ofPlatform().daemon().name("fetch").unstarted(work));
    private final Semaphore ahead = new Semaphore(AHEAD);

    /**
     * @param cache what is asked before the store, and keeps what came from there
     */
    public ChunkFetcher(ObjectStore store, Optional<ChunkCache> cache) {
        this.store = store;
        this.cache = cache;
    }

    /** Whether what is fetched is kept. */
    public boolean keeps() {
        return cache.isPresent();
    }

    /** One chunk that is wanted. */
    record Wanted(ChunkName name, int length, ChunkPlace place) {}

    /** Whether one more group may be fetched before it is asked for; {@link #consumed} gives the right back. */
    boolean mayFetchAhead() {
        return ahead.tryAcquire();
    }

    void consumed() {
        ahead.release();
    }

    /** Fetches neighbours of one pack; the plain bytes come in order. */
    CompletableFuture<List<byte[]>> fetch(String image, List<Wanted> neighbours) {
        return CompletableFuture.supplyAsync(() -> fetchNow(image, neighbours), threads);
    }

    List<byte[]> fetchNow(String image, List<Wanted> neighbours) {
        Optional<List<byte[]>> here = cache.flatMap(there -> cached(there, image, neighbours));
        if (here.isPresent()) {
            return here.get();
        }
        byte[] stored = read(image, neighbours);
        int from = 0;
        List<byte[]> plain = new ArrayList<>();
        for (Wanted wanted : neighbours) {
            int at = from;
            plain.add(plain(image, wanted, stored, at));
            cache.ifPresent(there -> there.put(wanted.name(), stored, at, wanted.place().stored()));
            from += wanted.place().stored();
        }
        return plain;
    }

    /** The same as they are stored, each verified too. */
    CompletableFuture<List<byte[]>> fetchStored(String image, List<Wanted> neighbours) {
        return CompletableFuture.supplyAsync(
                () -> {
                    byte[] stored = read(image, neighbours);
                    List<byte[]> each = new ArrayList<>();
                    int from = 0;
                    for (Wanted wanted : neighbours) {
                        byte[] verified = plain(image, wanted, stored, from);
                        int end = from + wanted.place().stored();
                        each.add(verified.length == end - from ? verified : Arrays.copyOfRange(stored, from, end));
                        from = end;
                    }
                    return each;
                },
                threads);
    }

    private byte[] read(String image, List<Wanted> neighbours) {
        Wanted first = neighbours.getFirst();
        Wanted last = neighbours.getLast();
        long from = first.place().offset();
        byte[] stored = new byte[(int) (last.place().offset() + last.place().stored() - from)];
        try {
            store.read(first.place().pack(), from, ByteBuffer.wrap(stored));
        } catch (FerryException failed) {
            if (failed.code() != ErrorCode.CHUNK_MISSING) {
                throw failed;
            }
            throw new FerryException(
                    ErrorCode.CHUNK_MISSING, "Image " + image + ": chunk " + first.name() + " should be at byte " + from + " of pack " + first.place().pack() + ": " + failed.getMessage(), failed);
        }
        return stored;
    }

    /** Neighbours all of which this node has; one that is damaged here is forgotten, and all are fetched again. */
    private static Optional<List<byte[]>> cached(ChunkCache cache, String image, List<Wanted> neighbours) {
        List<byte[]> plain = new ArrayList<>();
        for (Wanted wanted : neighbours) {
            Optional<byte[]> stored = cache.get(wanted.name()).filter(bytes -> bytes.length == wanted.place().stored());
            if (stored.isEmpty()) {
                return Optional.empty();
            }
            try {
                plain.add(plain(image, wanted, stored.get(), 0));
            } catch (FerryException damaged) {
                cache.drop(wanted.name());
                return Optional.empty();
            }
        }
        return Optional.of(plain);
    }

    private static byte[] plain(String image, Wanted wanted, byte[] stored, int at) {
        try {
            return StoredChunk.plain(wanted.name(), wanted.length(), stored, at, wanted.place().stored());
        } catch (StoredChunk.Damaged damaged) {
            throw corrupt(image, wanted, String.valueOf(damaged.getMessage()));
        }
    }

    private static FerryException corrupt(String image, Wanted wanted, String why) {
        return new FerryException(
                ErrorCode.CHUNK_CORRUPT,
                "Image " + image + ": chunk " + wanted.name() + " at byte " + wanted.place().offset() + " of pack " + wanted.place().pack() + " is damaged: " + why);
    }

    /** Ends the threads; what is on its way comes to its end. */
    @Override
    public void close() {
        threads.shutdown();
    }
}
