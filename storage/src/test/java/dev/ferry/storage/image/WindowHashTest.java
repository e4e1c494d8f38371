package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class WindowHashTest {
    private static final int PAGE = 4096;
    private static final BigInteger WORD = BigInteger.ONE.shiftLeft(Integer.SIZE);
    private static final BigInteger SUM = BigInteger.ONE.shiftLeft(Long.SIZE);

    private final Random random = new Random(5);
    private final WindowHash.Key key = new WindowHash.Key();
    private final WindowHash hash = new WindowHash();

    private byte[] noise(int bytes) {
        byte[] noise = new byte[bytes];
        random.nextBytes(noise);
        return noise;
    }

    private static Window window(byte[] content) {
        Window window = new Window();
        window.add(new Piece(ByteBuffer.wrap(content), () -> {}), 0, content.length);
        return window;
    }

    private WindowDigest digest(byte[] content) {
        return hash.of(key, window(content));
    }

    /** RFC 4418 and the paper, word for word. */
    private WindowDigest byTheBook(byte[] content) {
        ByteBuffer padded = ByteBuffer.wrap(Arrays.copyOf(content, Math.ceilDiv(content.length, 8) * 8)).order(ByteOrder.LITTLE_ENDIAN);
        long[] sums = new long[4];
        for (int pass = 0; pass < 4; pass++) {
            BigInteger sum = BigInteger.ZERO;
            for (int i = 0; i < padded.capacity() / 8; i++) {
                BigInteger first = word(padded.getInt(8 * i)).add(word((int) key.words[i + pass])).mod(WORD);
                BigInteger second = word(padded.getInt(8 * i + 4)).add(word((int) (key.words[i + pass] >>> 32))).mod(WORD);
                sum = sum.add(first.multiply(second)).mod(SUM);
            }
            sums[pass] = sum.longValue();
        }
        return new WindowDigest(content.length, sums[0], sums[1], sums[2], sums[3]);
    }

    private static BigInteger word(int word) {
        return BigInteger.valueOf(Integer.toUnsignedLong(word));
    }

    @Test
    void isNhWithFourPasses() {
        for (int length : new int[] {1, 7, 8, 9, 15, 16, 17, PAGE, 2 * PAGE, 2 * PAGE + 1, 5 * PAGE + 3, PageCutter.MOST_BYTES}) {
            byte[] content = noise(length);
            assertThat(digest(content)).as("%d bytes", length).isEqualTo(byTheBook(content));
        }
    }

    @Test
    void oneBitAnywhereIsNoticed() {
        for (int length : new int[] {1, 8, 17, PAGE, 2 * PAGE + 13}) {
            noticesEachBit(noise(length), 1);
            noticesEachBit(new byte[length], 1);
        }
        // 503 is prime: it meets each place of a word and of a block.
        noticesEachBit(noise(PageCutter.MOST_BYTES), 503);
    }

    private void noticesEachBit(byte[] content, int step) {
        WindowDigest before = digest(content);
        for (int at = 0; at < content.length; at += step) {
            byte bit = (byte) (1 << random.nextInt(8));
            content[at] ^= bit;
            assertThat(digest(content)).as("byte %d of %d", at, content.length).isNotEqualTo(before);
            content[at] ^= bit;
        }
        assertThat(digest(content)).isEqualTo(before);
    }

    @Test
    void whatIsOnlyMovedOrSwappedIsNoticed() {
        Set<WindowDigest> seen = new HashSet<>();
        byte[] one = new byte[3 * PAGE];
        for (int at = 0; at < one.length; at++) {
            one[at] = 1;
            assertThat(seen.add(digest(one))).as("a one at byte %d", at).isTrue();
            one[at] = 0;
        }
        byte[] content = noise(4 * PAGE);
        WindowDigest before = digest(content);
        for (int length : new int[] {1, 4, 8, 16, PAGE, 2 * PAGE}) {
            byte[] swapped = content.clone();
            System.arraycopy(content, 0, swapped, length, length);
            System.arraycopy(content, length, swapped, 0, length);
            assertThat(digest(swapped)).as("%d bytes with the next", length).isNotEqualTo(before);
        }
    }

    @Test
    void zerosAtTheEndAreNoticed() {
        Set<WindowDigest> seen = new HashSet<>();
        byte[] content = noise(PAGE);
        for (int length = PAGE; length < PAGE + 40; length++) {
            assertThat(seen.add(digest(Arrays.copyOf(content, length)))).as("%d bytes", length).isTrue();
            assertThat(seen.add(digest(new byte[length]))).as("%d bytes of zeros", length).isTrue();
        }
    }

    @Test
    void inWhichPiecesTheBytesLieMakesNoDifference() {
        for (int round = 0; round < 200; round++) {
            byte[] content = noise(1 + random.nextInt(round < 100 ? 60 : 5 * PAGE));
            Window window = new Window();
            int at = 0;
            while (at < content.length) {
                int length = Math.min(content.length - at, 1 + random.nextInt(1 + content.length / 3));
                int before = random.nextInt(11);
                ByteBuffer bytes = random.nextBoolean() ? ByteBuffer.allocateDirect(before + length + 3) : ByteBuffer.allocate(before + length + 3);
                bytes.put(before, content, at, length);
                window.add(new Piece(bytes, () -> {}), before, before + length);
                at += length;
            }
            assertThat(hash.of(key, window)).isEqualTo(digest(content));
        }
    }

    @Test
    void eachProcessHasItsOwn() {
        byte[] content = noise(PAGE);
        assertThat(hash.of(new WindowHash.Key(), window(content))).isNotEqualTo(digest(content));
        long zeros = Arrays.stream(key.words).filter(word -> word == 0).count();
        assertThat(zeros).as("words of the key that were not made").isZero();
    }
}
