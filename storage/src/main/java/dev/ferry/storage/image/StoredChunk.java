package dev.ferry.storage.image;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;

/** A chunk as it lies in a pack or in an image's file: one zstd frame, or the plain bytes when it is as long as these. */
final class StoredChunk {
    private StoredChunk() {}

    /** It is not what was written; the message says how it shows. */
    static final class Damaged extends Exception {
        private static final long serialVersionUID = 1;

        Damaged(String why) {
            super(why);
        }
    }

    /**
     * Room that {@link #plain} needs beside the stored bytes.
     *
     * @throws Damaged when no chunk has such lengths
     */
    static int room(int length, int storedLength) throws Damaged {
        if (length > PageCutter.MOST_BYTES || storedLength > length) {
            throw new Damaged("its length is impossible");
        }
        return storedLength == length ? 0 : length;
    }

    /** How sure one must be that the bytes are those that were written. */
    enum Proof {
        /** By the checksum, where the manifest has one: fast, for a job that waits. */
        CHECKSUM,
        /** By the name, and by the checksum too: for whoever looks after the store. */
        NAME
    }

    /**
     * Its plain bytes, verified: the stored ones themselves, or the next of {@code room}.
     *
     * @param check see {@link ChunkCheck}
     * @param length of the plain bytes
     * @param stored from position to limit, which stay; direct if and only if {@code room} is
     * @param room with at least {@link #room} bytes left; its position moves behind those that were used
     */
    static ByteBuffer plain(ChunkName name, long check, Proof proof, int length, ByteBuffer stored, ByteBuffer room) throws Damaged {
        ByteBuffer plain = stored.duplicate();
        if (room(length, stored.remaining()) > 0) {
            plain = room.slice(room.position(), length);
            decompress(stored, plain);
            room.position(room.position() + length);
        }
        boolean same = (check == ChunkCheck.UNKNOWN || ChunkCheck.of(plain) == check) && (check != ChunkCheck.UNKNOWN && proof == Proof.CHECKSUM || isNamed(name, plain));
        if (!same) {
            throw new Damaged("its bytes are not those that were written");
        }
        return plain;
    }

    private static boolean isNamed(ChunkName name, ByteBuffer plain) {
        MessageDigest sha256 = ChunkName.sha256();
        sha256.update(plain.duplicate());
        return ChunkName.of(sha256.digest()).equals(name);
    }

    private static void decompress(ByteBuffer stored, ByteBuffer plain) throws Damaged {
        try {
            long size =
                    stored.isDirect()
                            ? Zstd.decompressDirectByteBuffer(plain, 0, plain.remaining(), stored, stored.position(), stored.remaining())
                            : Zstd.decompressByteArray(plain.array(), plain.arrayOffset(), plain.remaining(), stored.array(), stored.arrayOffset() + stored.position(), stored.remaining());
            if (Zstd.isError(size)) {
                throw new Damaged("it can't be decompressed (" + Zstd.getErrorName(size) + ")");
            }
            if (size != plain.remaining()) {
                throw new Damaged("it has " + size + " bytes, not " + plain.remaining());
            }
        } catch (ZstdException damaged) {
            throw new Damaged("it can't be decompressed (" + damaged.getMessage() + ")");
        }
    }
}
