package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.storage.Images;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** Zeros that nobody has read are cut like zeros that were read: else the same file would have other chunks each time. */
class CutZerosTest {
    private static final int WINDOW = Images.WINDOW_BYTES;
    private static final int SEEDS = 60;
    /** Of windows and pages, and what fits neither. */
    private static final int[] LENGTHS = {1, 4095, 4096, 100_001, WINDOW - 1, WINDOW, WINDOW + 1, 3 * WINDOW, 5 * WINDOW + 17};

    /** What a cutter made of a run: zeros by their length, windows by their content. */
    private static final class Cut implements Cutter.Windows {
        private final List<String> pieces = new ArrayList<>();

        @Override
        public void window(Window window) {
            MessageDigest digest = ChunkName.sha256();
            window.digest(digest);
            pieces.add(window.length() + " " + HexFormat.of().formatHex(digest.digest()));
            window.release();
        }

        @Override
        public void zeros(int bytes) {
            pieces.add(bytes + " zeros");
        }
    }

    private static void cut(Cutter cutter, byte[] content) {
        Piece piece = new Piece(ByteBuffer.wrap(content), () -> {});
        cutter.cut(piece);
        piece.release();
    }

    private static void assertTheSame(Function<Cutter.Windows, Cutter> kind) {
        for (int seed = 0; seed < SEEDS; seed++) {
            Random random = new Random(seed);
            Cut read = new Cut();
            Cut told = new Cut();
            Cutter reads = kind.apply(read);
            Cutter tells = kind.apply(told);
            for (int part = 0; part < 12; part++) {
                byte[] content = new byte[LENGTHS[random.nextInt(LENGTHS.length)]];
                if (random.nextBoolean()) {
                    random.nextBytes(content);
                    cut(tells, content);
                } else {
                    tells.zeros(content.length);
                }
                cut(reads, content);
                if (random.nextInt(4) == 0) {
                    tells.settle();
                }
            }
            reads.end();
            tells.end();
            assertThat(told.pieces).as("seed %d", seed).isEqualTo(read.pieces);
        }
    }

    @Test
    void ofFiles() {
        assertTheSame(FixedCutter::new);
    }

    @Test
    void ofMemory() {
        assertTheSame(PageCutter::new);
    }

    /** However they are told, and at the cost of the pieces of the list: the longest run has 4096 windows, none of which is looked at. */
    @Test
    void aLongHoleIsAsFewRunsAsMayBe() {
        Cut cut = new Cut();
        FixedCutter cutter = new FixedCutter(cut);
        cut(cutter, new byte[] {1});
        cutter.zeros(PageCutter.MOST_ZERO_BYTES);
        cutter.zeros(PageCutter.MOST_ZERO_BYTES);
        cutter.zeros(WINDOW);
        cutter.end();
        assertThat(cut.pieces).hasSize(4).endsWith(PageCutter.MOST_ZERO_BYTES + " zeros", PageCutter.MOST_ZERO_BYTES + " zeros", "1 zeros");
    }
}
