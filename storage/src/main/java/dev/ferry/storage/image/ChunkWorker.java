package dev.ferry.storage.image;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdCompressCtx;
import dev.ferry.storage.Images;
import java.nio.ByteBuffer;
import java.security.MessageDigest;

/** What a thread needs to name and compress chunks; one for each thread. */
final class ChunkWorker {
    private static final int LEVEL = 1;
    private static final ThreadLocal<ChunkWorker> OF_THREAD = ThreadLocal.withInitial(ChunkWorker::new);

    private final MessageDigest digest = ChunkName.sha256();
    private final ZstdCompressCtx compressor = new ZstdCompressCtx().setLevel(LEVEL);
    private final ByteBuffer outside = ByteBuffer.allocateDirect(Images.WINDOW_BYTES);
    private final ByteBuffer compressed = ByteBuffer.allocateDirect((int) Zstd.compressBound(Images.WINDOW_BYTES));

    private ChunkWorker() {}

    static ChunkWorker ofThread() {
        return OF_THREAD.get();
    }

    static boolean isZero(ByteBuffer plain) {
        int at = plain.position();
        int end = plain.limit();
        for (; at + Long.BYTES <= end; at += Long.BYTES) {
            if (plain.getLong(at) != 0) {
                return false;
            }
        }
        for (; at < end; at++) {
            if (plain.get(at) != 0) {
                return false;
            }
        }
        return true;
    }

    ChunkName name(ByteBuffer plain) {
        digest.reset();
        digest.update(plain.duplicate());
        return ChunkName.of(digest.digest());
    }

    /**
     * The bytes to store: compressed, or the plain ones when they don't shrink. Valid until the next call.
     */
    ByteBuffer stored(ByteBuffer window) {
        // The compressor wants memory outside the heap.
        ByteBuffer plain = window.isDirect() ? window : outside.clear().put(window.duplicate()).flip();
        int size = compressor.compressDirectByteBuffer(compressed.clear(), 0, compressed.capacity(), plain, plain.position(), plain.remaining());
        return size < plain.remaining() ? compressed.limit(size) : plain.duplicate();
    }
}
