package dev.ferry.storage.image;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdException;
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
        List<byte[]> plain = neighbours.stream().map(wanted -> plain(image, wanted, stored, (int) (wanted.place().offset() - from))).toList();
        cache.ifPresent(there -> neighbours.forEach(wanted -> there.put(wanted.name(), stored, (int) (wanted.place().offset() - from), wanted.place().stored())));
        return plain;
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
        byte[] plain;
        int length = wanted.place().stored();
        if (wanted.length() > PageCutter.MOST_BYTES) {
            throw corrupt(image, wanted, "its length is impossible");
        }
        if (length == wanted.length()) {
            plain = Arrays.copyOfRange(stored, at, at + length);
        } else {
            plain = new byte[wanted.length()];
            try {
                long size = Zstd.decompressByteArray(plain, 0, plain.length, stored, at, length);
                if (size != plain.length) {
                    throw corrupt(image, wanted, "it has " + size + " bytes, not " + plain.length);
                }
            } catch (ZstdException damaged) {
                throw corrupt(image, wanted, "it can't be decompressed (" + damaged.getMessage() + ")");
            }
        }
        if (!ChunkName.of(ChunkName.sha256().digest(plain)).equals(wanted.name())) {
            throw corrupt(image, wanted, "its bytes are not those that were written");
        }
        return plain;
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
