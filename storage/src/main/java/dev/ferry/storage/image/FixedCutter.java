package dev.ferry.storage.image;

import dev.ferry.storage.Images;

/**
 * Cuts at multiples of the window's length: for files that grow at their end or change in place. Windows of zeros that follow each
 * other are one run, as of pages: a hole of a terabyte is a thousand entries of a list and not four million.
 */
final class FixedCutter implements Cutter {
    private final Windows windows;
    private Window open = new Window();
    /** Before the open window, not given on yet. */
    private int zeros;

    FixedCutter(Windows windows) {
        this.windows = windows;
    }

    @Override
    public void cut(Piece piece) {
        int at = piece.bytes().position();
        int end = piece.bytes().limit();
        while (at < end) {
            int to = Math.min(end, at + Images.WINDOW_BYTES - open.length());
            open.add(piece, at, to);
            at = to;
            if (open.length() == Images.WINDOW_BYTES) {
                endWindow();
            }
        }
    }

    @Override
    public void settle() {
        open.settle();
    }

    @Override
    public void drop() {
        open.release();
        open = new Window();
    }

    @Override
    public void end() {
        if (open.length() > 0) {
            endWindow();
        }
        endZeros();
    }

    private void endWindow() {
        Window full = open;
        open = new Window();
        if (full.isZero()) {
            zeros += full.length();
            full.release();
            if (zeros == PageCutter.MOST_ZERO_BYTES) {
                endZeros();
            }
        } else {
            endZeros();
            windows.window(full);
        }
    }

    private void endZeros() {
        if (zeros > 0) {
            windows.zeros(zeros);
            zeros = 0;
        }
    }
}
