package dev.ferry.node.criu;

import com.google.protobuf.ByteString;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.storage.ChunkLists;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * One chunk of a process's memory and the addresses at which its bytes lie.
 *
 * @param chunk its number in its list
 * @param name of its content; all zero for zeros
 * @param runs in ascending order
 */
record MemoryWindow(int chunk, ByteString name, boolean zeros, List<PageRun> runs) {
    /**
     * Lays a list of chunks along the addresses of the pages that it holds.
     *
     * @param runs in the order of the chunks
     * @return empty: these are not the addresses of these chunks, or not in ascending order
     */
    static Optional<List<MemoryWindow>> of(List<PageRun> runs, ChunkList chunks) {
        List<MemoryWindow> windows = new ArrayList<>(chunks.getLengthsCount());
        int run = 0;
        long used = 0;
        long last = 0;
        for (int chunk = 0; chunk < chunks.getLengthsCount(); chunk++) {
            List<PageRun> its = new ArrayList<>(1);
            for (long left = chunks.getLengths(chunk); left > 0; ) {
                if (run == runs.size() || runs.get(run).begin() + used < last) {
                    return Optional.empty();
                }
                long bytes = Math.min(left, runs.get(run).bytes() - used);
                PageRun.append(its, new PageRun(runs.get(run).begin() + used, bytes));
                last = its.getLast().end();
                left -= bytes;
                used += bytes;
                if (used == runs.get(run).bytes()) {
                    run++;
                    used = 0;
                }
            }
            windows.add(new MemoryWindow(chunk, ChunkLists.name(chunks, chunk), ChunkLists.isZeros(chunks, chunk), its));
        }
        return run == runs.size() ? Optional.of(windows) : Optional.empty();
    }
}
