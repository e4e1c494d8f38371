package dev.ferry.node.volumes;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
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
                Files.readString(Path.of("/proc", Integer.toString(pid), "maps"), StandardCharsets.ISO_8859_1)
                        .lines()
                        .map(line -> line.split(" +", 6))
                        .filter(fields -> fields.length >= 5 && fields[1].charAt(1) == 'w' && fields[1].charAt(3) == 's')
                        .forEach(fields -> inodes.add(Long.parseLong(fields[4])));
            } catch (IOException zombie) {
                // A process without memory maps nothing.
            }
        }
        return inodes;
    }
}
