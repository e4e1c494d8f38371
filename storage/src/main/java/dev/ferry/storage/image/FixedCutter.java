package dev.ferry.storage.image;

import dev.ferry.storage.Images;

/** Cuts at multiples of the window's length: for files that grow at their end or change in place. */
final class FixedCutter implements Cutter {
    private final Windows windows;
    private Window open = new Window();

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
                end();
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
        Window full = open;
        open = new Window();
        if (full.length() > 0) {
            windows.window(full);
        }
    }
}
