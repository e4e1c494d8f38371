package dev.ferry.storage.image;

import dev.ferry.storage.Images;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/**
 * Cuts memory pages into windows at places that the pages themselves mark, so that a page more or less
 * moves one or two boundaries and leaves all others where they were, and the same memory gives the
 * same windows in any process, at any address and in any file (docs/decisions/0006).
 *
 * <p>A window has 32 to 96 pages. It ends behind a page whose CRC-32C has its lowest 6 bits set, from page 64
 * on its lowest 3 (a normalised cut as of FastCDC, Xia et al. 2016): 62 pages on average. 16 or more zero
 * pages in a row belong to no window.
 */
final class PageCutter implements Cutter {
    static final int PAGE = 4096;
    /** Longest window, in bytes. */
    static final int MOST_BYTES = 96 * PAGE;
    /** Longest run of zeros, in bytes. */
    static final int MOST_ZERO_BYTES = 1 << 30;

    private static final int LEAST_PAGES = 32;
    private static final int AIM_PAGES = 64;
    private static final long BEFORE_AIM = (1 << 6) - 1;
    private static final long FROM_AIM = (1 << 3) - 1;
    private static final int LEAST_ZEROS = 16;

    private final Windows windows;
    private final CRC32C sum = new CRC32C();
    private Window open = new Window();
    // Of the open window, or of the run of zeros that takes its place.
    private int zeroPages;
    private boolean inZeros;
    // Of the page that has begun.
    private int inPage;
    private boolean zeroPage = true;

    PageCutter(Windows windows) {
        this.windows = windows;
    }

    @Override
    public void cut(Piece piece) {
        ByteBuffer bytes = piece.bytes();
        ByteBuffer view = bytes.duplicate();
        int at = bytes.position();
        while (at < bytes.limit()) {
            int to = Math.min(bytes.limit(), at + PAGE - inPage);
            if (zeroPage && !Zeros.are(bytes, at, to)) {
                leaveZeros();
            }
            if (!zeroPage) {
                sum.update(view.limit(to).position(at));
            }
            inPage += to - at;
            if (!inZeros) {
                open.add(piece, at, to);
            }
            at = to;
            if (inPage == PAGE) {
                endPage();
            }
        }
    }

    /** Of memory nobody knows what is zero before it was read: nothing is saved here. */
    @Override
    public void zeros(int bytes) {
        for (int left = bytes; left > 0; left -= Images.WINDOW_BYTES) {
            cut(new Piece(ByteBuffer.allocate(Math.min(left, Images.WINDOW_BYTES)), () -> {}));
        }
    }

    /** The page has a byte that is not zero; zeros that it began with are made up for. */
    private void leaveZeros() {
        zeroPage = false;
        sum.reset();
        for (int i = 0; i < inPage; i++) {
            sum.update(0);
        }
        if (inZeros) {
            endZeros();
            if (inPage > 0) {
                open.add(new Piece(ByteBuffer.allocate(inPage), () -> {}), 0, inPage);
            }
        }
    }

    private void endPage() {
        inPage = 0;
        if (!zeroPage) {
            zeroPage = true;
            zeroPages = 0;
            int pages = open.length() / PAGE;
            long mask = pages < AIM_PAGES ? BEFORE_AIM : FROM_AIM;
            if (pages >= LEAST_PAGES && (sum.getValue() & mask) == mask || open.length() >= MOST_BYTES) {
                endWindow();
            }
            return;
        }
        zeroPages++;
        if (inZeros) {
            if (zeroPages == MOST_ZERO_BYTES / PAGE) {
                windows.zeros(MOST_ZERO_BYTES);
                zeroPages = 0;
            }
        } else if (zeroPages == LEAST_ZEROS) {
            open.cutTo(open.length() - LEAST_ZEROS * PAGE);
            int pages = zeroPages;
            endWindow();
            zeroPages = pages;
            inZeros = true;
        } else if (open.length() >= MOST_BYTES) {
            endWindow();
        }
    }

    private void endZeros() {
        if (zeroPages > 0) {
            windows.zeros(zeroPages * PAGE);
        }
        zeroPages = 0;
        inZeros = false;
    }

    private void endWindow() {
        Window full = open;
        open = new Window();
        zeroPages = 0;
        if (full.length() > 0) {
            windows.window(full);
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
        if (inZeros) {
            int rest = inPage;
            endZeros();
            if (rest > 0) {
                windows.zeros(rest);
            }
        }
        endWindow();
    }
}
