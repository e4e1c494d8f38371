package dev.ferry.storage.image;

import java.nio.ByteBuffer;

/** Whether bytes are all zero. */
final class Zeros {
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
