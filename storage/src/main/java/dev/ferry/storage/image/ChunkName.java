package dev.ferry.storage.image;

import com.google.protobuf.ByteString;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** The SHA-256 of a chunk's plain bytes. All zero: a run of zero bytes, which is stored nowhere. */
record ChunkName(long a, long b, long c, long d) {
    static final int BYTES = 32;
    static final ChunkName ZERO = new ChunkName(0, 0, 0, 0);

    static ChunkName of(byte[] hash) {
        return read(ByteBuffer.wrap(hash));
    }

    /** The n-th name of a list. */
    static ChunkName of(ByteString hashes, int index) {
        return read(hashes.substring(index * BYTES, (index + 1) * BYTES).asReadOnlyByteBuffer());
    }

    static ChunkName read(ByteBuffer bytes) {
        return new ChunkName(bytes.getLong(), bytes.getLong(), bytes.getLong(), bytes.getLong());
    }

    void write(ByteBuffer to) {
        to.putLong(a).putLong(b).putLong(c).putLong(d);
    }

    /** As it travels. */
    ByteString bytes() {
        ByteBuffer bytes = ByteBuffer.allocate(BYTES);
        write(bytes);
        return ByteString.copyFrom(bytes.flip());
    }

    boolean isZero() {
        return equals(ZERO);
    }

    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    @Override
    public String toString() {
        ByteBuffer bytes = ByteBuffer.allocate(BYTES);
        write(bytes);
        return HexFormat.of().formatHex(bytes.array());
    }
}
