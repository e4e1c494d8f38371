package dev.ferry.storage.image;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.storage.ByteSource;
import dev.ferry.storage.Images;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/** One run of bytes of an image, in order, with the next groups of chunks on their way. */
final class ChunkSource implements ByteSource {
    /** Chunks that are had together at most. */
    static final int GROUP = 4;

    private static final int MOST_AHEAD = 8;
    private static final ByteBuffer ZEROS = ByteBuffer.allocateDirect(Images.WINDOW_BYTES).asReadOnlyBuffer();

    private final StoredImageReader image;
    private final ChunkFetcher fetcher;
    private final ChunkOrigins origins;
    private final ChunkList chunks;
    private final Deque<Group> groups = new ArrayDeque<>();
    private final Deque<ByteBuffer> ready = new ArrayDeque<>();
    private @Nullable Fetched now;
    private @Nullable ByteBuffer window;
    private int planned;
    private int zeros;
    private long skip;

    /**
     * Chunks that follow each other and are had together.
     *
     * @param content null: a run of zeros
     * @param counted whether it holds a right to be fetched ahead
     */
    private record Group(@Nullable CompletableFuture<Fetched> content, int zeroLength, boolean counted) {}

    ChunkSource(StoredImageReader image, ChunkFetcher fetcher, ChunkOrigins origins, ChunkList chunks, long offset) {
        this.image = image;
        this.fetcher = fetcher;
        this.origins = origins;
        this.chunks = chunks;
        skip = offset;
        while (planned < chunks.getLengthsCount() && skip >= chunks.getLengths(planned)) {
            skip -= chunks.getLengths(planned++);
        }
    }

    /**
     * Orders the first groups, before they are asked for.
     *
     * @return false: there was no right to order all that it may
     */
    boolean begin() {
        return fillAhead(true);
    }

    @Override
    public @Nullable ByteBuffer next() {
        ByteBuffer next = nextWhole();
        // A run of zeros comes in several pieces.
        while (next != null && skip >= next.limit()) {
            skip -= next.limit();
            next = nextWhole();
        }
        if (next != null && skip > 0) {
            next.position((int) skip);
            skip = 0;
        }
        return next;
    }

    @Override
    public long zeros() {
        if (ready.isEmpty() && zeros == 0) {
            boolean ignored = advance();
        }
        // Where reading begins is within the first chunk.
        long passed = Math.max(0, zeros - skip);
        if (zeros > 0) {
            skip = 0;
        }
        zeros = 0;
        return passed;
    }

    private @Nullable ByteBuffer nextWhole() {
        if (ready.isEmpty() && zeros == 0 && !advance()) {
            return null;
        }
        if (zeros > 0) {
            ByteBuffer some = ZEROS.duplicate().limit(Math.min(zeros, ZEROS.capacity()));
            zeros -= some.limit();
            return some;
        }
        ByteBuffer chunk = ready.removeFirst();
        if (chunk.isDirect()) {
            return chunk;
        }
        ByteBuffer target = window == null ? image.takeWindow() : window;
        window = target;
        return target.clear().put(chunk).flip();
    }

    /** Takes the next group, after it has ordered those behind it. */
    private boolean advance() {
        release();
        boolean ignored = fillAhead(false);
        Group group = groups.pollFirst();
        if (group == null) {
            return false;
        }
        CompletableFuture<Fetched> content = group.content();
        if (content == null) {
            zeros = group.zeroLength();
            return true;
        }
        try {
            Fetched fetched = content.join();
            now = fetched;
            ready.addAll(fetched.plain());
        } catch (CompletionException failed) {
            if (failed.getCause() instanceof FerryException known) {
                throw known;
            }
            throw new FerryException(ErrorCode.INTERNAL, "A chunk can't be read: " + failed.getCause(), failed);
        } finally {
            if (group.counted()) {
                fetcher.consumed();
            }
        }
        return true;
    }

    /** What was given out last is not looked at any more. */
    private void release() {
        if (now != null) {
            now.close();
            now = null;
        }
    }

    /**
     * @param early nobody asks for the first group yet
     * @return false: a right was missing
     */
    private boolean fillAhead(boolean early) {
        while (planned < chunks.getLengthsCount() && groups.size() < MOST_AHEAD) {
            if (chunks.getStored(planned) == 0) {
                groups.add(new Group(null, chunks.getLengths(planned++), false));
                continue;
            }
            // The group that is asked for now needs no right, so that every reader gets on.
            boolean counted = early || !groups.isEmpty();
            if (counted && !fetcher.mayFetchAhead()) {
                return false;
            }
            groups.add(new Group(fetcher.fetch(image.manifest().getImage().getId(), neighbours(), StoredChunk.Proof.CHECKSUM, origins), 0, counted));
        }
        return true;
    }

    private List<ChunkFetcher.Wanted> neighbours() {
        Manifest manifest = image.manifest();
        List<ChunkFetcher.Wanted> group = new ArrayList<>();
        while (planned < chunks.getLengthsCount() && group.size() < GROUP) {
            int stored = chunks.getStored(planned);
            String pack = stored == 0 ? "" : manifest.getPacks(chunks.getPack(planned));
            if (stored == 0 || (!group.isEmpty() && !follows(group.getLast().place(), pack, chunks.getOffset(planned)))) {
                break;
            }
            group.add(ChunkFetcher.Wanted.of(manifest, chunks, planned++));
        }
        return group;
    }

    private static boolean follows(ChunkPlace before, String pack, long offset) {
        return before.pack().equals(pack) && before.offset() + before.stored() == offset;
    }

    @Override
    public void close() {
        for (Group group : groups) {
            if (group.content() != null) {
                Fetched.closeWhenThere(group.content());
            }
            if (group.counted()) {
                fetcher.consumed();
            }
        }
        release();
        groups.clear();
        ready.clear();
        if (window != null) {
            image.giveWindow(window);
            window = null;
        }
    }
}
