package dev.ferry.node.criu;

import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.CopiedAddresses;
import java.util.ArrayList;
import java.util.List;

/**
 * Memory of a process that was copied ahead, while it ran.
 *
 * @param pid as the process itself knows it
 * @param chunks of the pages at the addresses
 */
public record CopiedProcess(int pid, CopiedAddresses addresses, ChunkList chunks) {
    List<PageRun> runs() {
        return pairs(addresses.getRunsList(), false);
    }

    /** The mappings; private, of no file. */
    List<PageRun> mappings() {
        return pairs(addresses.getMappingsList(), true);
    }

    private static List<PageRun> pairs(List<Long> numbers, boolean ends) {
        List<PageRun> runs = new ArrayList<>(numbers.size() / 2);
        for (int i = 0; i + 1 < numbers.size(); i += 2) {
            runs.add(new PageRun(numbers.get(i), ends ? numbers.get(i + 1) - numbers.get(i) : numbers.get(i + 1)));
        }
        return runs;
    }
}
