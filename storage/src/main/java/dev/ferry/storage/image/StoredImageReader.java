package dev.ferry.storage.image;

import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.StoredFile;
import dev.ferry.storage.ByteSource;
import dev.ferry.storage.ImageReader;
import dev.ferry.storage.Images;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;

/** One image, opened for reading. */
public final class StoredImageReader implements ImageReader {
    private final Manifest manifest;
    private final ChunkFetcher fetcher;
    private final Map<String, StoredFile> files = new HashMap<>();
    private final ConcurrentLinkedQueue<ByteBuffer> windows = new ConcurrentLinkedQueue<>();
    private final AtomicBoolean closed = new AtomicBoolean();

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
        return new ChunkSource(this, fetcher, chunks, offset);
    }

    ByteBuffer takeWindow() {
        ByteBuffer window = windows.poll();
        return window == null ? ByteBuffer.allocateDirect(Images.WINDOW_BYTES) : window.clear();
    }

    void giveWindow(ByteBuffer window) {
        boolean ignored = windows.offer(window);
    }

    @Override
    public void close() {
        closed.set(true);
        windows.clear();
    }
}
