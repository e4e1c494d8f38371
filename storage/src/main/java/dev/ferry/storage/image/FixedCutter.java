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

    /** Only what shares a window with other bytes is looked at: the cut is the one of zeros that were read. */
    @Override
    public void zeros(int bytes) {
        int begin = open.length() == 0 ? 0 : Math.min(bytes, Images.WINDOW_BYTES - open.length());
        addZeros(begin);
        int whole = (bytes - begin) / Images.WINDOW_BYTES * Images.WINDOW_BYTES;
        int room = PageCutter.MOST_ZERO_BYTES - zeros;
        if (whole >= room) {
            zeros += room;
            endZeros();
            zeros += whole - room;
        } else {
            zeros += whole;
        }
        addZeros(bytes - begin - whole);
    }

    /** Within the open window. */
    private void addZeros(int bytes) {
        if (bytes > 0) {
            open.add(Zeros.WINDOW, open.length(), open.length() + bytes);
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
