package dev.ferry.storage.image;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.ChunkPeer;
import dev.ferry.storage.ObjectStore;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Neighbours of one pack on their way: each is taken from where it is had soonest, and proved before it counts as there. Used by one thread. */
final class ChunkGroup {
    private final String image;
    private final List<ChunkFetcher.Wanted> neighbours;
    /** All of them as they lie in the pack, one behind the other; of each its part. */
    private final ByteBuffer stored;
    private final List<ByteBuffer> each = new ArrayList<>();
    /** Where each is decompressed. */
    private final List<ByteBuffer> rooms = new ArrayList<>();
    /** What is there and proved. */
    private final @Nullable ByteBuffer[] plain;

    /**
     * @param stored exactly as long as all of them
     * @param room with {@link StoredChunk#room} for each
     */
    ChunkGroup(String image, List<ChunkFetcher.Wanted> neighbours, ByteBuffer stored, ByteBuffer room) {
        this.image = image;
        this.neighbours = neighbours;
        this.stored = stored;
        plain = new ByteBuffer[neighbours.size()];
        int at = 0;
        int roomAt = 0;
        for (ChunkFetcher.Wanted wanted : neighbours) {
            int length = wanted.place().stored();
            each.add(stored.slice(at, length));
            at += length;
            int needed = length == wanted.length() ? 0 : wanted.length();
            rooms.add(room.slice(roomAt, needed));
            roomAt += needed;
        }
    }

    boolean isWhole() {
        return whole().cardinality() == neighbours.size();
    }

    /** Which of them are there. */
    BitSet whole() {
        BitSet there = new BitSet();
        for (int i = 0; i < plain.length; i++) {
            there.set(i, plain[i] != null);
        }
        return there;
    }

    /** Takes what this node's cache has; one that is damaged there is forgotten. */
    void take(ChunkCache cache, StoredChunk.Proof proof, ChunkOrigins origins) {
        for (int i = 0; i < plain.length; i++) {
            ChunkName name = neighbours.get(i).name();
            if (cache.get(name, each.get(i).duplicate())) {
                try {
                    prove(i, proof);
                    origins.fromCache(each.get(i).remaining());
                } catch (StoredChunk.Damaged damaged) {
                    cache.drop(name);
                }
            }
        }
    }

    /**
     * Takes what a peer has of those that are not there yet. Each is proved by its name: another machine could make bytes that only the checksum takes for those that were written.
     * A peer that fails, or gives what it was not asked for, is given up.
     */
    void take(ChunkPeer peer, ChunkOrigins origins) {
        BitSet there = whole();
        List<Integer> missing = IntStream.range(0, plain.length).filter(i -> !there.get(i)).boxed().toList();
        List<ChunkPeer.Asked> asked = missing.stream().map(i -> new ChunkPeer.Asked(neighbours.get(i).name().bytes(), each.get(i).duplicate())).toList();
        int beside = origins.asking();
        try {
            long begin = System.nanoTime();
            BitSet given = peer.fetch(asked);
            origins.answered(peer, !given.isEmpty(), beside, begin, System.nanoTime());
            for (int at = given.nextSetBit(0); at >= 0 && at < missing.size(); at = given.nextSetBit(at + 1)) {
                int i = missing.get(at);
                prove(i, StoredChunk.Proof.NAME);
                origins.fromPeer(each.get(i).remaining());
            }
        } catch (StoredChunk.Damaged damaged) {
            origins.giveUp(peer, "a chunk that it gave is damaged: " + damaged.getMessage());
        } catch (IOException | RuntimeException failed) {
            // Whatever it is: the store is behind it.
            origins.giveUp(peer, String.valueOf(failed.getMessage()));
        } finally {
            origins.asked();
        }
    }

    /**
     * Reads what is not there yet from the store, by one request.
     *
     * @throws FerryException CHUNK_CORRUPT, CHUNK_MISSING, STORE_*
     */
    void read(ObjectStore store, StoredChunk.Proof proof, ChunkOrigins origins) {
        int first = whole().nextClearBit(0);
        int last = whole().previousClearBit(plain.length - 1);
        int begin = start(first);
        int bytes = start(last) + each.get(last).remaining() - begin;
        ChunkFetcher.Wanted wanted = neighbours.get(first);
        try {
            store.read(wanted.place().pack(), wanted.place().offset(), stored.slice(begin, bytes));
        } catch (FerryException failed) {
            if (failed.code() != ErrorCode.CHUNK_MISSING) {
                throw failed;
            }
            throw new FerryException(
                    ErrorCode.CHUNK_MISSING, "Image " + image + ": chunk " + wanted.name() + " should be at byte " + wanted.place().offset() + " of pack " + wanted.place().pack() + ": " + failed.getMessage(), failed);
        }
        origins.fromStore(bytes);
        // Also those in between that were there: their bytes have been written over.
        for (int i = first; i <= last; i++) {
            try {
                prove(i, proof);
            } catch (StoredChunk.Damaged damaged) {
                throw corrupt(image, neighbours.get(i), String.valueOf(damaged.getMessage()));
            }
        }
    }

    private int start(int index) {
        return each.subList(0, index).stream().mapToInt(ByteBuffer::remaining).sum();
    }

    private void prove(int i, StoredChunk.Proof proof) throws StoredChunk.Damaged {
        plain[i] = null;
        ChunkFetcher.Wanted wanted = neighbours.get(i);
        plain[i] = StoredChunk.plain(wanted.name(), wanted.check(), proof, wanted.length(), each.get(i), rooms.get(i).duplicate());
    }

    /**
     * Has this node's cache keep what came from elsewhere.
     *
     * @param there what it has
     */
    void keep(ChunkCache cache, BitSet there) {
        for (int i = there.nextClearBit(0); i < plain.length; i = there.nextClearBit(i + 1)) {
            cache.put(neighbours.get(i).name(), each.get(i).duplicate());
        }
    }

    /** All of them are there. */
    void moveTo(Fetched fetched) {
        for (int i = 0; i < plain.length; i++) {
            ByteBuffer one = plain[i];
            if (one == null) {
                throw new IllegalStateException("chunk " + neighbours.get(i).name() + " was not fetched");
            }
            fetched.add(each.get(i), one);
        }
    }

    static FerryException corrupt(String image, ChunkFetcher.Wanted wanted, String why) {
        return new FerryException(
                ErrorCode.CHUNK_CORRUPT,
                "Image " + image + ": chunk " + wanted.name() + " at byte " + wanted.place().offset() + " of pack " + wanted.place().pack() + " is damaged: " + why);
    }
}
