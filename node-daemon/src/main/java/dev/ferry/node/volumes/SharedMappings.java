package dev.ferry.node.volumes;

import dev.ferry.node.posix.ProcText;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Files that processes have mapped shared and writable: their content may change without a trace in their times. */
public final class SharedMappings {
    private SharedMappings() {}

    /**
     * @param pids host pids of a frozen job
     * @return inodes
     */
    public static Set<Long> inodes(List<Integer> pids) {
        Set<Long> inodes = new HashSet<>();
        for (int pid : pids) {
            try {
                ProcText.lines(
                        Path.of("/proc", Integer.toString(pid), "maps"),
                        line -> {
                            String[] fields = line.split(" +", 6);
                            if (fields.length >= 5 && fields[1].charAt(1) == 'w' && fields[1].charAt(3) == 's') {
                                inodes.add(Long.parseLong(fields[4]));
                            }
                        });
            } catch (IOException zombie) {
                // A process without memory maps nothing.
            }
        }
        return inodes;
    }
}
