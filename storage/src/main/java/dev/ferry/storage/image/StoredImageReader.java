package dev.ferry.storage.image;

import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.StoredFile;
import dev.ferry.storage.ByteSource;
import dev.ferry.storage.ImageReader;
import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;

/** One image, opened for reading. */
public final class StoredImageReader implements ImageReader {
    /** Files that are begun before they are asked for: as many as the window of memory for all readers has room for. */
    private static final int MOST_BEGUN = 4;

    private final Manifest manifest;
    private final ChunkFetcher fetcher;
    private final Map<String, StoredFile> files = new HashMap<>();
    private final ConcurrentLinkedQueue<ByteBuffer> windows = new ConcurrentLinkedQueue<>();
    private final AtomicBoolean closed = new AtomicBoolean();
    /** By the list itself, not its content: two files of the same content are two sources. */
    private final Map<ChunkList, ChunkSource> begun = Collections.synchronizedMap(new IdentityHashMap<>());

    public StoredImageReader(Manifest manifest, ChunkFetcher fetcher) {
        this.manifest = manifest;
        this.fetcher = fetcher;
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
        ChunkSource ready = offset == 0 ? begun.remove(chunks) : null;
        return ready == null ? new ChunkSource(this, fetcher, chunks, offset) : ready;
    }

    @Override
    public void prefetch() {
        manifest.getFilesList().stream()
                .filter(file -> ManifestDraft.isMemory(file.getName()))
                .limit(MOST_BEGUN)
                .forEach(
                        file -> {
                            ChunkSource source = new ChunkSource(this, fetcher, file.getChunks(), 0);
                            source.begin();
                            begun.put(file.getChunks(), source);
                        });
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
        begun.values().forEach(ChunkSource::close);
        begun.clear();
        windows.clear();
    }
}
