package dev.ferry.cli.bench;

import java.util.ArrayList;
import java.util.List;

/**
 * How the workload is started.
 *
 * @param mebibytes of memory, of all processes together
 * @param dirtyKibibytes written to in a second
 * @param seed jobs of one seed hold the same
 */
record Load(int mebibytes, int dirtyKibibytes, int seed, int processes) {
    /** What a Python process needs beside the workload's memory. */
    private static final long FIRST_BYTES = 192L << 20;
    private static final long OTHER_BYTES = 16L << 20;
    private static final int LEAST_DIRTY_KIBIBYTES = 64;

    static Load of(int mebibytes, int dirtyKibibytes) {
        return new Load(mebibytes, dirtyKibibytes, 1, 1);
    }

    /** KiB of so much memory that are a hundredth of it. */
    static int onePercent(int mebibytes) {
        return Math.max(LEAST_DIRTY_KIBIBYTES, mebibytes * 1024 / 100);
    }

    List<String> command(String program) {
        List<String> command = new ArrayList<>(List.of("/usr/bin/python3", program));
        for (int number : new int[] {mebibytes, dirtyKibibytes, seed, processes}) {
            command.add(Integer.toString(number));
        }
        return command;
    }

    /** What the job must be allowed to use. */
    long limit() {
        return ((long) mebibytes << 20) + FIRST_BYTES + OTHER_BYTES * (processes - 1);
    }
}
