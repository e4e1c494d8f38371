package dev.ferry.storage.image;

import com.google.protobuf.ByteString;
import java.nio.ByteBuffer;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;

/**
 * The checksum of a chunk's plain bytes that a manifest holds beside its name: CRC-32C in the upper half, CRC-32 (IEEE
 * 802.3) in the lower. Both are made by the processor's own instructions, in a fifth of the time of a SHA-256. It finds
 * what decays on the way from whoever wrote the chunk (other bytes pass once in 2^64), not what someone forges: who can
 * write into the store can write manifests too. 0: nobody knows it, the name is what counts.
 */
final class ChunkCheck {
    static final int BYTES = Long.BYTES;

    /** No checksum: the images of a Ferry that had none. */
    static final long UNKNOWN = 0;

    private final CRC32C upper = new CRC32C();
    private final CRC32 lower = new CRC32();

    /** Of one chunk in a single piece. */
    static long of(ByteBuffer plain) {
        ChunkCheck check = new ChunkCheck();
        check.update(plain.duplicate());
        return check.end();
    }

    /** The n-th of a list; {@link #UNKNOWN} when the list has none. */
    static long of(ByteString checks, int index) {
        return checks.isEmpty() ? UNKNOWN : checks.substring(index * BYTES, (index + 1) * BYTES).asReadOnlyByteBuffer().getLong();
    }

    void update(ByteBuffer bytes) {
        upper.update(bytes.duplicate());
        lower.update(bytes);
    }

    /** Of all that came since the last end. */
    long end() {
        long check = upper.getValue() << 32 | lower.getValue();
        upper.reset();
        lower.reset();
        return check;
    }
}
