package dev.ferry.cli.verbs;

import com.google.protobuf.ByteString;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;

/** The last lines of a log that passes by. Used by one thread. */
final class LogTail {
    /** Of a log without ends of lines no more is kept than its last so many bytes. */
    private static final int MOST_BYTES = 8 << 20;

    private static final int FIRST_LOOK = 1 << 20;

    private final int lines;
    private final ByteArrayOutputStream kept = new ByteArrayOutputStream();
    private int nextLook = FIRST_LOOK;

    LogTail(int lines) {
        this.lines = lines;
    }

    void add(ByteString piece) {
        kept.writeBytes(piece.toByteArray());
        if (kept.size() > nextLook) {
            byte[] last = bytes();
            kept.reset();
            kept.writeBytes(last);
            nextLook = Math.max(FIRST_LOOK, 2 * last.length);
        }
    }

    /** What is kept of it; a last line without an end is one. */
    byte[] bytes() {
        byte[] all = kept.toByteArray();
        int begin = all.length;
        int ends = 0;
        while (begin > Math.max(0, all.length - MOST_BYTES) && lines > 0) {
            boolean end = all[begin - 1] == '\n' && begin < all.length;
            if (end && ++ends == lines) {
                break;
            }
            begin--;
        }
        return Arrays.copyOfRange(all, begin, all.length);
    }
}
