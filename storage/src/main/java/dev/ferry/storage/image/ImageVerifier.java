package dev.ferry.storage.image;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.storage.Images;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** Reads every chunk of an image and says which are not what they should be. */
public final class ImageVerifier {
    private static final int MOST_DAMAGE = 100;
    private static final int GROUP = 8;
    private static final int MOST_AHEAD = 8;
    private static final int BATCH = 4096;
    /** Damaged chunks that are remembered: where there are more of them, each image reads all of its own. */
    private static final int MOST_KNOWN = 1 << 16;
    /** Of the heap, what is kept of chunks that were read: 64 bits for each, of as many as fit. */
    private static final int PARTS_OF_MEMORY = 16;

    private final ChunkFetcher fetcher;
    private final SeenNumbers read = new SeenNumbers(Runtime.getRuntime().maxMemory() / PARTS_OF_MEMORY);
    private final Set<Long> damaged = new HashSet<>();
    private boolean forgetful;

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
     * Reads every chunk of an image that was not read before. One that was found damaged then is damage of this image, too.
     *
     * @throws FerryException STORE_* when the store does not answer, which says nothing of the image
     */
    public Images.Verification verify(Manifest manifest) {
        Found found = new Found(manifest.getImage().getId());
        List<ChunkFetcher.Wanted> batch = new ArrayList<>();
        for (ChunkList list : ImageFile.lists(manifest)) {
            for (int i = 0; i < list.getLengthsCount(); i++) {
                if (list.getStored(i) == 0) {
                    continue;
                }
                ChunkFetcher.Wanted chunk = ChunkFetcher.Wanted.of(manifest, list, i);
                if (damaged.contains(identity(chunk))) {
                    found.add(identity(chunk), "Image " + found.image + ": chunk " + chunk.name() + " at byte " + chunk.place().offset() + " of pack " + chunk.place().pack() + " is not what was written, as was found before");
                } else if (read.add(identity(chunk)) || forgetful) {
                    batch.add(chunk);
                }
                if (batch.size() == BATCH) {
                    check(batch, found);
                }
            }
        }
        check(batch, found);
        return new Images.Verification(manifest.getImage(), found.chunks, found.bytes, List.copyOf(found.damage.values()));
    }

    /** What was found of one image. */
    private static final class Found {
        private final String image;
        /** By the identity of the chunk. */
        private final Map<Long, String> damage = new LinkedHashMap<>();
        private long chunks;
        private long bytes;

        Found(String image) {
            this.image = image;
        }

        void add(long chunk, String why) {
            if (damage.size() < MOST_DAMAGE) {
                damage.putIfAbsent(chunk, why);
            }
        }
    }

    /** Some chunks at a time: the order of their packs is better than that of the image, and all of a large one would take much memory. */
    private void check(List<ChunkFetcher.Wanted> batch, Found found) {
        batch.sort(Comparator.comparing((ChunkFetcher.Wanted chunk) -> chunk.place().pack()).thenComparing(chunk -> chunk.place().offset()));
        fetcher.<RuntimeException>inOrder(found.image, groups(batch), MOST_AHEAD, (group, content) -> check(group, content, found));
        found.chunks += batch.size();
        batch.clear();
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

    private void check(List<ChunkFetcher.Wanted> group, CompletableFuture<Fetched> content, Found found) {
        try (Fetched whole = content.join()) {
            found.bytes += whole.plainBytes();
            return;
        } catch (CompletionException failed) {
            if (!(failed.getCause() instanceof FerryException known) || !isDamage(known)) {
                throw failed.getCause() instanceof RuntimeException cause ? cause : failed;
            }
        }
        // One of them is damaged: which?
        for (ChunkFetcher.Wanted chunk : group) {
            try (Fetched one = fetcher.fetchNow(found.image, List.of(chunk), StoredChunk.Proof.NAME, ChunkOrigins.withoutPeer())) {
                found.bytes += one.plainBytes();
            } catch (FerryException broken) {
                if (!isDamage(broken)) {
                    throw broken;
                }
                damaged(identity(chunk), String.valueOf(broken.getMessage()), found);
            }
        }
    }

    private void damaged(long chunk, String why, Found found) {
        if (damaged.size() < MOST_KNOWN) {
            damaged.add(chunk);
        } else {
            // That it was read does not say any more that it is whole.
            forgetful = true;
        }
        found.add(chunk, why);
    }

    private static boolean isDamage(FerryException failed) {
        return failed.code() == ErrorCode.CHUNK_CORRUPT || failed.code() == ErrorCode.CHUNK_MISSING;
    }

    private static long identity(ChunkFetcher.Wanted chunk) {
        return chunk.name().a() ^ (chunk.place().pack().hashCode() * 0x9E3779B97F4A7C15L + chunk.place().offset());
    }
}
