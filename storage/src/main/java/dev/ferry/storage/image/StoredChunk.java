package dev.ferry.storage.image;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdException;
import java.util.Arrays;

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
     * Its plain bytes.
     *
     * @param length of the plain bytes
     * @param at where in the array it begins
     * @param storedLength how much of the array it has
     */
    static byte[] plain(ChunkName name, int length, byte[] stored, int at, int storedLength) throws Damaged {
        if (length > PageCutter.MOST_BYTES) {
            throw new Damaged("its length is impossible");
        }
        byte[] plain;
        if (storedLength == length) {
            plain = Arrays.copyOfRange(stored, at, at + storedLength);
        } else {
            plain = new byte[length];
            try {
                long size = Zstd.decompressByteArray(plain, 0, plain.length, stored, at, storedLength);
                if (size != plain.length) {
                    throw new Damaged("it has " + size + " bytes, not " + plain.length);
                }
            } catch (ZstdException damaged) {
                throw new Damaged("it can't be decompressed (" + damaged.getMessage() + ")");
            }
        }
        if (!ChunkName.of(ChunkName.sha256().digest(plain)).equals(name)) {
            throw new Damaged("its bytes are not those that were written");
        }
        return plain;
    }
}
