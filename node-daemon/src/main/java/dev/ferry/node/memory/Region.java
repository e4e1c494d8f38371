package dev.ferry.node.memory;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * A part of a process's address space whose pages may be ones that CRIU would dump.
 *
 * @param end the first byte behind it
 * @param kind decides which of its pages are wanted
 */
record Region(long begin, long end, Kind kind) {
    enum Kind {
        /** All pages that are there. */
        ANONYMOUS,
        /** Only pages that were written to: the others are those of the file. */
        PRIVATE_FILE,
        /** Memory that processes share, in no file: all pages that are there. */
        SHARED
    }

    /**
     * Reads /proc/PID/maps. Memory that was seen before, in this process or another, is left out: it is dumped once.
     *
     * @param shared names of shared memory that was seen; those of this process are added
     */
    static List<Region> of(List<String> maps, Set<String> shared) {
        List<Region> regions = new ArrayList<>();
        // Parts of one piece of shared memory may be mapped side by side: what this process adds counts for all of its lines.
        Set<String> ours = new HashSet<>();
        for (String line : maps) {
            String[] fields = line.split(" +", 6);
            String path = fields.length == 6 ? fields[5] : "";
            int dash = fields[0].indexOf('-');
            long begin = Long.parseUnsignedLong(fields[0], 0, dash, 16);
            long end = Long.parseUnsignedLong(fields[0], dash + 1, fields[0].length(), 16);
            boolean readable = fields[1].charAt(0) == 'r';
            boolean file = !fields[4].equals("0");
            if (!readable || path.startsWith("[v")) {
                continue;
            }
            if (fields[1].charAt(3) == 'p') {
                regions.add(new Region(begin, end, file ? Kind.PRIVATE_FILE : Kind.ANONYMOUS));
            } else if (isMemory(path)) {
                String name = fields[3] + " " + fields[4];
                if (ours.contains(name) || shared.add(name)) {
                    ours.add(name);
                    regions.add(new Region(begin, end, Kind.SHARED));
                }
            }
        }
        return regions;
    }

    private static boolean isMemory(String path) {
        return path.startsWith("/dev/zero") || path.startsWith("/memfd:") || path.startsWith("/SYSV");
    }

    /** Whether a page is wanted, by its entry in /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst). */
    boolean wants(long entry) {
        boolean there = (entry & (PRESENT | SWAPPED)) != 0;
        return there && (kind != Kind.PRIVATE_FILE || (entry & OF_A_FILE) == 0);
    }

    private static final long PRESENT = 1L << 63;
    private static final long SWAPPED = 1L << 62;
    private static final long OF_A_FILE = 1L << 61;
}
