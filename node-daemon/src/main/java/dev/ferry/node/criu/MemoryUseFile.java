package dev.ferry.node.criu;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/** The file in which a criu that is under way finds what of the memory that it holds is right: FERRY_AHEAD_USE, which {@code ferry-ahead.h} describes. */
final class MemoryUseFile {
    private static final int PROCESSES = 1024;
    private static final int PROCESS_BYTES = 48;
    private static final int MAPPING_BYTES = 24;
    private static final int RUN_BYTES = 16;
    /** The file has holes: only what is written takes room. */
    private static final long BYTES = 256 << 20;

    private final Path path;
    private int count;
    private long end = (long) PROCESSES * PROCESS_BYTES;

    private MemoryUseFile(Path path) {
        this.path = path;
    }

    static MemoryUseFile create(Path path) throws IOException {
        Files.deleteIfExists(path);
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            int ignored = file.write(ByteBuffer.allocate(1), BYTES - 1);
        }
        return new MemoryUseFile(path);
    }

    Path path() {
        return path;
    }

    /**
     * Writes what there is for one process, before criu knows its mappings.
     *
     * @return false: there is no room; the process is restored as always
     */
    boolean add(int process, MemoryUse use) throws IOException {
        long bytes = (long) MAPPING_BYTES * use.moved().size() + (long) RUN_BYTES * (use.dropped().size() + use.kept().size());
        if (count == PROCESSES || end + bytes > BYTES) {
            return false;
        }
        ByteBuffer parts = ByteBuffer.allocate(Math.toIntExact(bytes)).order(ByteOrder.nativeOrder());
        for (ProcessMappings.Placed one : use.moved()) {
            parts.putLong(one.offset()).putLong(one.mapping().end() - one.mapping().start()).putLong(one.mapping().start());
        }
        long dropped = end + parts.position();
        put(parts, use.dropped());
        long kept = end + parts.position();
        put(parts, use.kept());
        ByteBuffer entry =
                ByteBuffer.allocate(PROCESS_BYTES)
                        .order(ByteOrder.nativeOrder())
                        .putInt(process)
                        .putInt(use.moved().size())
                        .putLong(end)
                        .putLong(use.dropped().size())
                        .putLong(dropped)
                        .putLong(use.kept().size())
                        .putLong(kept);
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.WRITE)) {
            write(file, parts.flip(), end);
            write(file, entry.flip(), (long) count * PROCESS_BYTES);
        }
        count++;
        end += bytes;
        return true;
    }

    private static void put(ByteBuffer parts, List<PageRun> runs) {
        runs.forEach(run -> parts.putLong(run.begin()).putLong(run.bytes()));
    }

    private static void write(FileChannel file, ByteBuffer bytes, long at) throws IOException {
        for (long next = at; bytes.hasRemaining(); ) {
            next += file.write(bytes, next);
        }
    }
}
