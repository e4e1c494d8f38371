package dev.ferry.storage.image;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The names of windows by their digests: rows of 80 bytes, and an index of 8 to 16 bytes for each. Rows are kept in blocks, each of which is asked for;
 * what there is no room for is not kept. Safe for threads.
 */
final class WindowNames {
    /** Rows of a block: windows of some 64 MB. */
    static final int BLOCK_ROWS = 256;
    /** Of digest, name and check. */
    private static final int ROW = 10;
    /** What a block takes, its part of the index included, in bytes. */
    static final int BLOCK_BYTES = BLOCK_ROWS * (ROW * Long.BYTES + 4 * Integer.BYTES);

    private final BooleanSupplier room;
    private final List<long[]> blocks = new ArrayList<>();
    /** Open addressing, a quarter to half full: number of a row, from 1 on. */
    private int[] index = new int[2 * BLOCK_ROWS];

    private int count;

    /**
     * @param room asked before each block; false: there is none
     */
    WindowNames(BooleanSupplier room) {
        this.room = room;
    }

    synchronized int blocks() {
        return blocks.size();
    }

    /** @return null: not known */
    synchronized @Nullable Named find(WindowDigest digest) {
        int row = index[place(digest)];
        if (row == 0) {
            return null;
        }
        long[] block = block(row);
        int at = offset(row) + 5;
        return new Named(new ChunkName(block[at], block[at + 1], block[at + 2], block[at + 3]), block[at + 4]);
    }

    /** Keeps the name of a window, if there is room; a digest that is there stays as it is. */
    synchronized void add(WindowDigest digest, Named named) {
        int place = place(digest);
        if (index[place] != 0 || count == blocks.size() * BLOCK_ROWS && !grow()) {
            return;
        }
        if (2 * (count + 1) > index.length) {
            widen();
            place = place(digest);
        }
        count++;
        index[place] = count;
        ChunkName name = named.name();
        long[] row = {digest.length(), digest.a(), digest.b(), digest.c(), digest.d(), name.a(), name.b(), name.c(), name.d(), named.check()};
        System.arraycopy(row, 0, block(count), offset(count), ROW);
    }

    private boolean grow() {
        return room.getAsBoolean() && blocks.add(new long[BLOCK_ROWS * ROW]);
    }

    private void widen() {
        index = new int[2 * index.length];
        for (int row = 1; row <= count; row++) {
            long[] block = block(row);
            int at = offset(row);
            index[place(new WindowDigest((int) block[at], block[at + 1], block[at + 2], block[at + 3], block[at + 4]))] = row;
        }
    }

    /** Where the digest is in the index, or the free place for it. */
    private int place(WindowDigest digest) {
        int mask = index.length - 1;
        // The hash is of a secret key: nobody can choose windows that meet at one place.
        int at = (int) (digest.a() ^ digest.a() >>> Integer.SIZE) & mask;
        while (index[at] != 0 && !isAt(index[at], digest)) {
            at = at + 1 & mask;
        }
        return at;
    }

    private boolean isAt(int row, WindowDigest digest) {
        long[] block = block(row);
        int at = offset(row);
        return block[at] == digest.length() && block[at + 1] == digest.a() && block[at + 2] == digest.b() && block[at + 3] == digest.c() && block[at + 4] == digest.d();
    }

    private long[] block(int row) {
        return blocks.get((row - 1) / BLOCK_ROWS);
    }

    private static int offset(int row) {
        return (row - 1) % BLOCK_ROWS * ROW;
    }
}
