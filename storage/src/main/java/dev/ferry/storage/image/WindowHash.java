package dev.ferry.storage.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.security.SecureRandom;
import java.util.Arrays;

/**
 * A hash with a secret key that recognises a window, in a fifth of the time of its SHA-256. It is NH, the hash of UMAC (Black, Halevi, Krawczyk,
 * Krovetz, Rogaway: UMAC, CRYPTO 1999; RFC 4418): the window's 32-bit words are taken in pairs, to each word one of the key is added modulo 2^32, the
 * two sums of a pair are multiplied, and the products are added modulo 2^64. Four passes do so with the key moved on by one pair each, as the paper's
 * Toeplitz construction does; their four sums are the hash.
 *
 * <p>Two windows of one length that differ, in whatever way, have the same hash for one of 2^128 keys at most (2^-32 for each pass): that is a theorem and
 * rests on no assumption. But it holds only for windows that were chosen without knowing the key. A job's bytes are chosen by whoever runs
 * it, or sends it data, and with a hash without a key, such as a CRC or XXH3, he could find two pages that look alike and make an image keep the older
 * one. So the key is made at random by each process that writes images, as long as the longest window, so that no part of it is used twice in a pass; neither it nor any hash is
 * written anywhere, sent or logged.
 *
 * <p>Used by one thread at a time.
 */
final class WindowHash {
    /** Words of 64 bits: pairs of NH's words. */
    private static final int MOST_WORDS = PageCutter.MOST_BYTES / Long.BYTES;
    private static final int PASSES = 4;
    /** As many words as stay in the processor's nearest cache for all passes. */
    private static final int BLOCK = 1024;
    private static final long LOW = 0xffff_ffffL;

    private final long[] block = new long[BLOCK];
    private final long[] sums = new long[PASSES];
    private long[] key = {};
    private int words;
    /** Of the word that the last bytes have begun. */
    private long begun;

    private int begunBytes;

    /** The secret of one process. */
    static final class Key {
        final long[] words = new long[MOST_WORDS + PASSES - 1];

        Key() {
            byte[] random = new byte[words.length * Long.BYTES];
            new SecureRandom().nextBytes(random);
            ByteBuffer.wrap(random).asLongBuffer().get(words);
        }
    }

    /**
     * @param window of at most {@link PageCutter#MOST_BYTES}
     */
    WindowDigest of(Key secret, Window window) {
        key = secret.words;
        Arrays.fill(sums, 0);
        words = 0;
        begun = 0;
        begunBytes = 0;
        window.hash(this);
        if (begunBytes > 0) {
            endWord();
        }
        return new WindowDigest(window.length(), sums[0], sums[1], sums[2], sums[3]);
    }

    /** The next bytes of the window, from position to limit. */
    void update(ByteBuffer bytes) {
        ByteBuffer rest = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        while (begunBytes > 0 && rest.hasRemaining()) {
            add(rest.get());
        }
        LongBuffer whole = rest.asLongBuffer();
        rest.position(rest.limit() - rest.remaining() % Long.BYTES);
        while (whole.hasRemaining()) {
            int count = Math.min(BLOCK, whole.remaining());
            whole.get(block, 0, count);
            addBlock(count);
        }
        while (rest.hasRemaining()) {
            add(rest.get());
        }
    }

    private void add(byte next) {
        begun |= (next & 0xffL) << (begunBytes * Byte.SIZE);
        begunBytes++;
        if (begunBytes == Long.BYTES) {
            endWord();
        }
    }

    private void endWord() {
        block[0] = begun;
        begun = 0;
        begunBytes = 0;
        addBlock(1);
    }

    private void addBlock(int count) {
        for (int pass = 0; pass < PASSES; pass++) {
            sums[pass] += products(block, count, key, words + pass);
        }
        words += count;
    }

    /** Simple enough that the compiler makes vector instructions of it; with all passes in one loop it does not, which takes three times as long. */
    private static long products(long[] block, int count, long[] key, int from) {
        long sum = 0;
        for (int i = 0; i < count; i++) {
            long pair = block[i];
            long secret = key[from + i];
            sum += ((pair + secret) & LOW) * (((pair >>> Integer.SIZE) + (secret >>> Integer.SIZE)) & LOW);
        }
        return sum;
    }
}
