package dev.ferry.node.criu;

import dev.ferry.node.posix.Posix;
import dev.ferry.node.sandbox.NativeHelper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has criu fill huge pages at a restore where a job's memory fills them whole. Making memory of 4 KiB a page is most of what a restore of a large job does; {@code ferry-pages.c}, which is loaded
 * into criu, says how it is done and what stays as it was. This tells it which processes have such memory, and where to put it, as the mappings pass by on their way to criu. A process that
 * asked for no huge pages gets none. A machine whose administrator wants none at all, or whose kernel has none, does without.
 */
final class HugePages {
    /** Larger files of criu's are passed on unread. */
    static final int MOST_BYTES = 8 << 20;

    private static final Logger LOG = LoggerFactory.getLogger(HugePages.class);
    private static final Path ENABLED = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");
    private static final String LIBRARY = "libferry-pages.so";
    private static final String PROCESSES = "huge-pages";
    private static final String MAPPINGS = "mm-";
    private static final String SUFFIX = ".img";
    private static final int ENTRY = 2 * Integer.BYTES;
    /** All others have pages of the usual size. */
    private static final int MOST_PROCESSES = 8192;

    private final Path library;
    private final Path processes;
    private final Optional<MemoryAhead> ahead;
    private int count;

    private HugePages(Path library, Path processes, Optional<MemoryAhead> ahead) {
        this.library = library;
        this.processes = processes;
        this.ahead = ahead;
    }

    /**
     * Puts what it needs into the folder of a restore; criu sees it under the same name.
     *
     * @param ahead memory that is there before the restore begins
     * @return empty: there are none on this machine
     */
    static Optional<HugePages> in(Path runFolder, Optional<MemoryAhead> ahead) {
        HugePages pages = new HugePages(runFolder.resolve(LIBRARY), runFolder.resolve(PROCESSES), ahead);
        try {
            if (!areWanted(Posix.readSmall(ENABLED).orElse("[never]"))) {
                return Optional.empty();
            }
            NativeHelper.installPages(pages.library);
            Files.write(pages.processes, new byte[MOST_PROCESSES * ENTRY]);
            return Optional.of(pages);
        } catch (IOException failed) {
            LOG.warn("a restore does without huge pages: {}", failed.toString());
            return Optional.empty();
        }
    }

    /**
     * @param enabled as the kernel writes it, for example {@code always [madvise] never}
     */
    static boolean areWanted(String enabled) {
        return !enabled.contains("[never]");
    }

    /** What criu's environment must hold. */
    Map<String, String> environment() {
        Map<String, String> all = new HashMap<>(Map.of("LD_PRELOAD", library.toString(), "FERRY_HUGE_PAGES", processes.toString()));
        ahead.ifPresent(memory -> all.putAll(memory.environment()));
        return all;
    }

    /** Whether {@link #pass} must see a file of criu's. */
    static boolean isAsked(String file) {
        return PagemapRuns.isPagemap(file) || file.startsWith(MAPPINGS);
    }

    /** Sees a file before criu does, and gives what criu gets. */
    byte[] pass(String file, byte[] content) {
        if (!file.startsWith(MAPPINGS)) {
            return PagemapRuns.joined(content);
        }
        OptionalLong begin = begin(content);
        if (begin.isPresent()) {
            int process = Integer.parseInt(file.substring(MAPPINGS.length(), file.length() - SUFFIX.length()));
            if (add(process, (int) begin.getAsLong())) {
                ahead.ifPresent(memory -> memory.use(process, content, begin.getAsLong()));
            }
        }
        return content;
    }

    /** Several processes may be asked for at a time. */
    private synchronized boolean add(int process, int begin) {
        if (count == MOST_PROCESSES) {
            return false;
        }
        try (FileChannel file = FileChannel.open(processes, StandardOpenOption.WRITE)) {
            ByteBuffer entry = ByteBuffer.allocate(ENTRY).order(ByteOrder.nativeOrder()).putInt(process).putInt(begin).flip();
            file.write(entry, (long) count * ENTRY);
            count++;
            return true;
        } catch (IOException failed) {
            LOG.warn("process {} is restored without huge pages: {}", process, failed.toString());
            return false;
        }
    }

    /** Empty also if the file is not what is expected: then criu says what is wrong. */
    private static OptionalLong begin(byte[] content) {
        try {
            return ProcessMappings.of(content).beginOfArea();
        } catch (IOException | RuntimeException unexpected) {
            return OptionalLong.empty();
        }
    }
}
