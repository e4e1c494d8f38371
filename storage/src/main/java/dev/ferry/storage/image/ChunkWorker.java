package dev.ferry.storage.image;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdCompressCtx;
import java.nio.ByteBuffer;
import java.security.MessageDigest;

/** What a thread needs to name and compress chunks; one for each thread. */
final class ChunkWorker {
    private static final int LEVEL = 1;
    private static final ThreadLocal<ChunkWorker> OF_THREAD = ThreadLocal.withInitial(ChunkWorker::new);

    private final MessageDigest digest = ChunkName.sha256();
    private final ChunkCheck check = new ChunkCheck();
    private final WindowHash hash = new WindowHash();
    private final ZstdCompressCtx compressor = new ZstdCompressCtx().setLevel(LEVEL);
    private final ByteBuffer outside = ByteBuffer.allocateDirect(PageCutter.MOST_BYTES);
    private final ByteBuffer compressed = ByteBuffer.allocateDirect((int) Zstd.compressBound(PageCutter.MOST_BYTES));

    private ChunkWorker() {}

    static ChunkWorker ofThread() {
        return OF_THREAD.get();
    }

    Named named(Window window) {
        digest.reset();
        window.digest(digest);
        window.check(check);
        return new Named(ChunkName.of(digest.digest()), check.end());
    }

    WindowDigest digest(WindowHash.Key key, Window window) {
        return hash.of(key, window);
    }

    /**
     * The bytes to store: compressed, or the plain ones when they don't shrink. Valid until the next call and the
     * window's release.
     */
    ByteBuffer stored(Window window) {
        // The compressor wants memory outside the heap, in one piece.
        ByteBuffer plain = window.contiguous(outside);
        int size = compressor.compressDirectByteBuffer(compressed.clear(), 0, compressed.capacity(), plain, plain.position(), plain.remaining());
        return size < plain.remaining() ? compressed.limit(size) : plain;
    }
}
