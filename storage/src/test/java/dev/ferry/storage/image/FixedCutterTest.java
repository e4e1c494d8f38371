package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.storage.Images;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class FixedCutterTest {
    private static final int WINDOW = Images.WINDOW_BYTES;

    /** Lengths in the order of the run, those of zeros negative. */
    private final List<Integer> cut = new ArrayList<>();

    private int released;

    private final FixedCutter cutter =
            new FixedCutter(
                    new Cutter.Windows() {
                        @Override
                        public void window(Window window) {
                            cut.add(window.length());
                            window.release();
                        }

                        @Override
                        public void zeros(int bytes) {
                            cut.add(-bytes);
                        }
                    });

    private void cut(byte[] content) {
        Piece piece = new Piece(ByteBuffer.wrap(content), () -> released++);
        cutter.cut(piece);
        piece.release();
    }

    private static byte[] ones(int bytes) {
        byte[] ones = new byte[bytes];
        java.util.Arrays.fill(ones, (byte) 1);
        return ones;
    }

    @Test
    void windowsOfZerosAreOneRun() {
        cut(ones(WINDOW));
        // The first of them shares its window with what is not zero.
        cut(ones(10));
        cut(new byte[3 * WINDOW]);
        cut(new byte[WINDOW]);
        cut(ones(WINDOW));
        cut(new byte[WINDOW - 10 + 17]);
        cutter.end();
        assertThat(cut).containsExactly(WINDOW, WINDOW, -3 * WINDOW, WINDOW, WINDOW, -17);
        assertThat(released).isEqualTo(6);
    }

    /** As long as the format lets one be. */
    @Test
    void aHoleIsAsFewRunsAsMayBe() {
        byte[] zeros = new byte[WINDOW];
        for (int at = 0; at < PageCutter.MOST_ZERO_BYTES / WINDOW + 1; at++) {
            cut(zeros);
        }
        cut(new byte[5]);
        cutter.end();
        assertThat(cut).containsExactly(-PageCutter.MOST_ZERO_BYTES, -WINDOW - 5);
    }
}
