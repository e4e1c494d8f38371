package dev.ferry.storage.image;

import dev.ferry.storage.Images;
import java.nio.ByteBuffer;

/** Whether bytes are all zero; and bytes that are. */
final class Zeros {
    /** As many as a window has, which nobody writes to: parts of it stand in windows for zeros that were not read. */
    static final Piece WINDOW = new Piece(ByteBuffer.allocate(Images.WINDOW_BYTES), () -> {});

    private Zeros() {}

    static boolean are(ByteBuffer bytes, int from, int to) {
        int at = from;
        for (; at + Long.BYTES <= to; at += Long.BYTES) {
            if (bytes.getLong(at) != 0) {
                return false;
            }
        }
        for (; at < to; at++) {
            if (bytes.get(at) != 0) {
                return false;
            }
        }
        return true;
    }
}
