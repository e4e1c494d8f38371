package dev.ferry.storage.image;

import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.StoredFile;
import dev.ferry.storage.ByteSource;
import dev.ferry.storage.ChunkLists;
import dev.ferry.storage.ChunkPeer;
import dev.ferry.storage.ImageReader;
import java.nio.ByteBuffer;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** One image, opened for reading. */
public final class StoredImageReader implements ImageReader {
    private final Manifest manifest;
    private final ChunkFetcher fetcher;
    private final ChunkOrigins origins;
    private final Map<String, StoredFile> files = new HashMap<>();
    private final ConcurrentLinkedQueue<ByteBuffer> windows = new ConcurrentLinkedQueue<>();
    private final AtomicBoolean closed = new AtomicBoolean();
    private volatile @Nullable Prefetch prefetch;

    public StoredImageReader(Manifest manifest, ChunkFetcher fetcher) {
        this(manifest, fetcher, Optional.empty());
    }

    /**
     * @param peer is asked for chunks before the store, and closed with this
     */
    public StoredImageReader(Manifest manifest, ChunkFetcher fetcher, Optional<ChunkPeer> peer) {
        this(manifest, fetcher, new ChunkOrigins(peer));
    }

    /** Nothing comes from a cache. */
    public static StoredImageReader ofStoreAlone(Manifest manifest, ChunkFetcher fetcher) {
        return new StoredImageReader(manifest, fetcher, ChunkOrigins.ofStoreAlone());
    }

    private StoredImageReader(Manifest manifest, ChunkFetcher fetcher, ChunkOrigins origins) {
        this.manifest = manifest;
        this.fetcher = fetcher;
        this.origins = origins;
        manifest.getFilesList().forEach(file -> files.put(file.getName(), file));
    }

    @Override
    public Manifest manifest() {
        return manifest;
    }

    @Override
    public Optional<StoredFile> file(String name) {
        return Optional.ofNullable(files.get(name));
    }

    @Override
    public ByteSource open(ChunkList chunks) {
        return open(chunks, 0);
    }

    /**
     * @param offset of the first byte that is wanted
     */
    public ByteSource open(ChunkList chunks, long offset) {
        if (closed.get()) {
            throw new IllegalStateException("the image is closed");
        }
        Prefetch ahead = prefetch;
        ChunkSource ready = offset == 0 && ahead != null ? ahead.take(chunks) : null;
        return ready == null ? new ChunkSource(this, fetcher, origins, chunks, offset) : ready;
    }

    @Override
    public void prefetch() {
        Prefetch ahead = new Prefetch(manifest, chunks -> new ChunkSource(this, fetcher, origins, chunks, 0));
        prefetch = ahead;
        ahead.begin();
    }

    /**
     * Has the node's cache fetch CRIU's files, as far as it keeps them: beyond that each chunk would take the place of one that was fetched before.
     *
     * @return plain bytes
     */
    public long fill() {
        long room = fetcher.keeps();
        long bytes = 0;
        for (StoredFile file : manifest.getFilesList()) {
            ChunkList chunks = file.getChunks();
            int fit = 0;
            while (fit < chunks.getLengthsCount() && room >= ChunkCache.bytesOf(chunks.getStored(fit))) {
                room -= ChunkCache.bytesOf(chunks.getStored(fit++));
            }
            try (ByteSource source = open(first(chunks, fit))) {
                for (ByteBuffer next = source.next(); next != null; next = source.next()) {
                    bytes += next.remaining();
                }
            }
            if (fit < chunks.getLengthsCount()) {
                break;
            }
        }
        return bytes;
    }

    private static ChunkList first(ChunkList list, int chunks) {
        if (chunks == list.getLengthsCount()) {
            return list;
        }
        BitSet wanted = new BitSet();
        wanted.set(0, chunks);
        return ChunkLists.pick(list, wanted);
    }

    @Override
    public Origins origins() {
        return origins.soFar();
    }

    ByteBuffer takeWindow() {
        ByteBuffer window = windows.poll();
        return window == null ? ByteBuffer.allocateDirect(PageCutter.MOST_BYTES) : window.clear();
    }

    void giveWindow(ByteBuffer window) {
        boolean ignored = windows.offer(window);
    }

    @Override
    public void close() {
        closed.set(true);
        Prefetch ahead = prefetch;
        if (ahead != null) {
            ahead.close();
        }
        origins.close();
        windows.clear();
    }
}
