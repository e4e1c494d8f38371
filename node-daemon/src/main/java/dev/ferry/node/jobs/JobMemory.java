package dev.ferry.node.jobs;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * How much memory of a job goes into an image. CRIU takes the pages that belong to each process alone, once for each,
 * also where a fork shares them until one side writes, and shared memory once.
 *
 * @param bytes of all processes together; pages that only hold what is in a file are not among them
 */
record JobMemory(long bytes, int processes) {
    static JobMemory of(List<Integer> pids) {
        long kibibytes = 0;
        int counted = 0;
        for (int pid : pids) {
            try {
                kibibytes += kibibytes(Files.readAllLines(Path.of("/proc", Integer.toString(pid), "smaps_rollup")));
                counted++;
            } catch (IOException gone) {
                // It ended between the list and the look, and takes nothing.
            }
        }
        return new JobMemory(kibibytes << 10, counted);
    }

    /** Of one process, from the lines of its smaps_rollup. */
    static long kibibytes(List<String> lines) {
        long sum = 0;
        for (String line : lines) {
            // A process's part of shared memory: the parts of all make the whole.
            if (line.startsWith("Anonymous:") || line.startsWith("Pss_Shmem:") || line.startsWith("Swap:")) {
                sum += Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        return sum;
    }
}
