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

    static Load of(int mebibytes, int dirtyKibibytes) {
        return new Load(mebibytes, dirtyKibibytes, 1, 1);
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
