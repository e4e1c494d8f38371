package dev.ferry.storage.image;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.storage.Images;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.LongAdder;

/** Reads every chunk of an image and says which are not what they should be. */
public final class ImageVerifier {
    private static final int MOST_DAMAGE = 100;
    private static final int GROUP = 8;
    private static final int MOST_AHEAD = 8;
    /** Of the heap, what is kept of chunks that were read: 64 bits for each, of as many as fit. */
    private static final int PARTS_OF_MEMORY = 16;

    private final ChunkFetcher fetcher;
    private final SeenNumbers read = new SeenNumbers(Runtime.getRuntime().maxMemory() / PARTS_OF_MEMORY);

    /**
     * @throws FerryException STORE_* when the store does not answer, which says nothing of the image
     */
    public static Images.Verification verify(Manifest manifest, ChunkFetcher fetcher) {
        return new ImageVerifier(fetcher).verify(manifest);
    }

    /**
     * A verifier of several images, which reads each chunk once, of a very large store some of them again.
     */
    public ImageVerifier(ChunkFetcher fetcher) {
        this.fetcher = fetcher;
    }

    /**
     * Reads every chunk of an image that was not read before.
     *
     * @throws FerryException STORE_* when the store does not answer, which says nothing of the image
     */
    public Images.Verification verify(Manifest manifest) {
        Map<ChunkName, ChunkFetcher.Wanted> wanted = new HashMap<>();
        manifest.getFilesList().forEach(file -> collect(manifest, file.getChunks(), wanted));
        manifest.getVolumesList().forEach(volume -> volume.getEntriesList().forEach(entry -> collect(manifest, entry.getChunks(), wanted)));
        List<ChunkFetcher.Wanted> chunks = new ArrayList<>(wanted.values());
        chunks.removeIf(chunk -> !read.add(identity(chunk)));
        chunks.sort(Comparator.comparing((ChunkFetcher.Wanted chunk) -> chunk.place().pack()).thenComparing(chunk -> chunk.place().offset()));
        String image = manifest.getImage().getId();
        List<String> damage = new ArrayList<>();
        LongAdder bytes = new LongAdder();
        fetcher.<RuntimeException>inOrder(image, groups(chunks), MOST_AHEAD, (group, content) -> bytes.add(check(image, group, content, damage)));
        return new Images.Verification(manifest.getImage(), chunks.size(), bytes.sum(), damage);
    }

    /** Those that lie one behind the other in a pack are had together. */
    static List<List<ChunkFetcher.Wanted>> groups(List<ChunkFetcher.Wanted> chunks) {
        List<List<ChunkFetcher.Wanted>> groups = new ArrayList<>();
        ChunkPlace before = null;
        for (ChunkFetcher.Wanted chunk : chunks) {
            ChunkPlace place = chunk.place();
            if (before == null || !before.pack().equals(place.pack()) || before.offset() + before.stored() != place.offset() || groups.getLast().size() == GROUP) {
                groups.add(new ArrayList<>());
            }
            groups.getLast().add(chunk);
            before = place;
        }
        return groups;
    }

    /** @return plain bytes that are as they should be */
    private long check(String image, List<ChunkFetcher.Wanted> group, CompletableFuture<Fetched> content, List<String> damage) {
        try (Fetched whole = content.join()) {
            return whole.plainBytes();
        } catch (CompletionException failed) {
            if (!(failed.getCause() instanceof FerryException known) || !isDamage(known)) {
                throw failed.getCause() instanceof RuntimeException cause ? cause : failed;
            }
        }
        // One of them is damaged: which?
        long bytes = 0;
        for (ChunkFetcher.Wanted chunk : group) {
            try (Fetched one = fetcher.fetchNow(image, List.of(chunk), StoredChunk.Proof.NAME)) {
                bytes += one.plainBytes();
            } catch (FerryException broken) {
                if (!isDamage(broken)) {
                    throw broken;
                }
                if (damage.size() < MOST_DAMAGE) {
                    damage.add(broken.getMessage());
                }
            }
        }
        return bytes;
    }

    private static boolean isDamage(FerryException failed) {
        return failed.code() == ErrorCode.CHUNK_CORRUPT || failed.code() == ErrorCode.CHUNK_MISSING;
    }

    private static long identity(ChunkFetcher.Wanted chunk) {
        return chunk.name().a() ^ (chunk.place().pack().hashCode() * 0x9E3779B97F4A7C15L + chunk.place().offset());
    }

    private static void collect(Manifest manifest, ChunkList list, Map<ChunkName, ChunkFetcher.Wanted> wanted) {
        for (int i = 0; i < list.getLengthsCount(); i++) {
            if (list.getStored(i) > 0) {
                ChunkFetcher.Wanted chunk = ChunkFetcher.Wanted.of(manifest, list, i);
                wanted.put(chunk.name(), chunk);
            }
        }
    }
}
