package dev.ferry.node.criu;

import java.util.ArrayList;
import java.util.List;

/**
 * Bytes that follow each other, whole pages: of a process's addresses, or of the area into which criu reads them.
 *
 * @param begin of the first
 */
record PageRun(long begin, long bytes) {
    long end() {
        return begin + bytes;
    }

    /** Adds a run to a list, to its last one if it goes on where that ends. */
    static void append(List<PageRun> runs, PageRun run) {
        if (!runs.isEmpty() && runs.getLast().end() == run.begin) {
            runs.set(runs.size() - 1, new PageRun(runs.getLast().begin, runs.getLast().bytes + run.bytes));
        } else {
            runs.add(run);
        }
    }

    /**
     * What is in one list and not in another.
     *
     * @param from in ascending order, none of which touches another's bytes; as {@code without}
     */
    static List<PageRun> minus(List<PageRun> from, List<PageRun> without) {
        List<PageRun> left = new ArrayList<>();
        int next = 0;
        for (PageRun run : from) {
            long at = run.begin;
            while (next < without.size() && without.get(next).end() <= at) {
                next++;
            }
            for (int n = next; n < without.size() && without.get(n).begin < run.end(); n++) {
                if (without.get(n).begin > at) {
                    append(left, new PageRun(at, without.get(n).begin - at));
                }
                at = Math.max(at, without.get(n).end());
            }
            if (at < run.end()) {
                append(left, new PageRun(at, run.end() - at));
            }
        }
        return left;
    }
}
