package dev.ferry.storage.image;

import java.util.Arrays;

/**
 * Which numbers were seen, in bounded memory: a table of open addressing with 8 to 16 bytes for each. When it is full it forgets all of them.
 * Used by one thread.
 */
final class SeenNumbers {
    private static final int FIRST = 1 << 10;

    private final int most;
    private long[] table = new long[FIRST];
    private int count;
    private boolean zero;

    /**
     * @param mostBytes of the table; while it grows it is there twice
     */
    SeenNumbers(long mostBytes) {
        most = (int) Long.highestOneBit(Math.clamp(mostBytes / Long.BYTES, FIRST, 1 << 30));
    }

    /** @return true: it was not seen, or that was forgotten */
    boolean add(long number) {
        if (number == 0) {
            boolean first = !zero;
            zero = true;
            return first;
        }
        int at = place(table, number);
        if (table[at] == number) {
            return false;
        }
        if (count >= table.length - table.length / 4) {
            makeRoom();
            at = place(table, number);
        }
        table[at] = number;
        count++;
        return true;
    }

    private void makeRoom() {
        if (table.length >= most) {
            Arrays.fill(table, 0);
            count = 0;
            return;
        }
        long[] larger = new long[table.length * 2];
        for (long number : table) {
            if (number != 0) {
                larger[place(larger, number)] = number;
            }
        }
        table = larger;
    }

    /** Where it is, or the free place for it. */
    private static int place(long[] table, long number) {
        // The high bits of the product: Knuth, The Art of Computer Programming 3, 6.4.
        int at = (int) (number * 0x9E3779B97F4A7C15L >>> 32) & table.length - 1;
        while (table[at] != 0 && table[at] != number) {
            at = at + 1 & table.length - 1;
        }
        return at;
    }
}
