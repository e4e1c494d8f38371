package dev.ferry.storage.upkeep;

import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.storage.image.StoredManifest;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** Which parts of which packs images need, each chunk counted once however many images need it: 8 bytes of memory for each, of a quarter of the heap at most. */
final class PackUse {
    /** Of memory, for each chunk of a whole manifest that is read to be added. */
    static final long BYTES = 160;

    private static final int PARTS_OF_MEMORY = 4;
    /** A pack's key and its place in the map. */
    private static final int PACK = 256;
    /** Longer than any stored chunk. */
    private static final int LENGTH_BITS = 24;

    private static final int FIRST = 64;

    private final Map<String, Chunks> packs = new HashMap<>();
    private final long most;
    private long taken;

    PackUse() {
        this(Runtime.getRuntime().maxMemory() / PARTS_OF_MEMORY);
    }

    /**
     * @param most bytes of memory
     */
    PackUse(long most) {
        this.most = most;
    }

    /** Chunks of one pack as offset and length in one number; sorted and without doubles up to a point. */
    private final class Chunks {
        private long[] chunks = new long[FIRST];
        private int count;

        Chunks() {
            take(PACK + (long) FIRST * Long.BYTES);
        }

        void add(long offset, int stored) {
            if (count == chunks.length) {
                compact();
                if (count > chunks.length / 2) {
                    take((long) chunks.length * Long.BYTES);
                    chunks = Arrays.copyOf(chunks, chunks.length * 2);
                }
            }
            chunks[count++] = offset << LENGTH_BITS | stored;
        }

        private void compact() {
            Arrays.sort(chunks, 0, count);
            int kept = 0;
            for (int i = 0; i < count; i++) {
                if (i == 0 || chunks[i] != chunks[i - 1]) {
                    chunks[kept++] = chunks[i];
                }
            }
            count = kept;
        }

        long bytes() {
            compact();
            return Arrays.stream(chunks, 0, count).map(chunk -> chunk & ((1 << LENGTH_BITS) - 1)).sum();
        }

        /** The byte behind the last that is needed. */
        long end() {
            return Arrays.stream(chunks, 0, count).map(chunk -> (chunk >>> LENGTH_BITS) + (chunk & ((1 << LENGTH_BITS) - 1))).max().orElse(0);
        }
    }

    private void take(long bytes) {
        taken += bytes;
        if (taken > most) {
            throw new FerryException(
                    ErrorCode.OBJECT_TOO_LARGE, "What images need of their packs can't be counted in " + Sizes.format(most) + ", the part of its heap that this process has for it: start it with a larger one (FERRY_JAVA_OPTS=-Xmx)");
        }
    }

    /**
     * @throws FerryException OBJECT_TOO_LARGE: there is no memory for more
     */
    void add(Manifest manifest) {
        manifest.getFilesList().forEach(file -> add(manifest, file.getChunks()));
        manifest.getVolumesList().forEach(volume -> volume.getEntriesList().forEach(entry -> add(manifest, entry.getChunks())));
    }

    private void add(Manifest manifest, ChunkList list) {
        for (int i = 0; i < list.getLengthsCount(); i++) {
            if (list.getStored(i) > 0) {
                add(manifest.getPacks(list.getPack(i)), list.getOffset(i), list.getStored(i));
            }
        }
    }

    private void add(String pack, long offset, int stored) {
        packs.computeIfAbsent(pack, key -> new Chunks()).add(offset, stored);
    }

    /**
     * Adds what a manifest names, with one of its lists in memory at a time.
     *
     * @throws FerryException OBJECT_TOO_LARGE, MANIFEST_CORRUPT, STORE_*
     */
    void add(StoredManifest manifest) {
        manifest.places(this::add);
    }

    /** Bytes that are needed of all packs. */
    long bytes() {
        return packs.values().stream().mapToLong(Chunks::bytes).sum();
    }

    /** How long each pack must be at least, by its key. */
    Map<String, Long> ends() {
        Map<String, Long> ends = new HashMap<>();
        packs.forEach((pack, chunks) -> ends.put(pack, chunks.end()));
        return ends;
    }
}
