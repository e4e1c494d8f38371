package dev.ferry.node.criu;

import dev.ferry.node.posix.Posix;
import dev.ferry.node.sandbox.NativeHelper;
import dev.ferry.storage.look.CriuFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Has criu fill huge pages at a restore where a job's memory fills them whole. Making memory of 4 KiB a page is most of what a restore of a large job does; {@code ferry-pages.c}, which is loaded
 * into criu, says how it is done and what stays as it was. This tells it which processes have such memory, and where to put it, as the mappings pass by on their way to criu. A process that
 * asked for no huge pages gets none. A machine whose administrator wants none at all, or whose kernel has none, does without.
 */
final class HugePages {
    /** Larger files of criu's are passed on unread. */
    static final int MOST_BYTES = 64 << 20;

    private static final Path ENABLED = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");
    private static final String LIBRARY = "libferry-pages.so";
    private static final String PROCESSES = "huge-pages";
    private static final String MAPPINGS = "mm-";
    private static final String SUFFIX = ".img";
    private static final int ENTRY = 2 * Integer.BYTES;
    /** All others have pages of the usual size. */
    private static final int MOST_PROCESSES = 8192;

    /** Of an aligned huge page. */
    private static final long BYTES = 2 << 20;
    private static final long PAGE = 4096;

    // Numbers of images/mm.proto, images/vma.proto and include/image.h.
    private static final int VMAS = 14;
    private static final int HUGE_DISABLED = 17;
    private static final int START = 1;
    private static final int END = 2;
    private static final int STATUS = 7;
    private static final int ADVICE = 9;
    private static final int REGULAR = 1;
    private static final int FILE_PRIVATE = 1 << 6;
    private static final int ANON_PRIVATE = 1 << 9;
    private static final int AIO_RING = 1 << 13;
    private static final long NO_HUGE_PAGE = 1 << 15;

    private final Path library;
    private final Path processes;
    private int count;

    private HugePages(Path library, Path processes) {
        this.library = library;
        this.processes = processes;
    }

    /**
     * Puts what it needs into the folder of a restore; criu sees it under the same name.
     *
     * @return empty: there are none on this machine
     */
    static Optional<HugePages> in(Path runFolder) throws IOException {
        if (!areWanted(Posix.readSmall(ENABLED).orElse("[never]"))) {
            return Optional.empty();
        }
        HugePages pages = new HugePages(runFolder.resolve(LIBRARY), runFolder.resolve(PROCESSES));
        NativeHelper.installPages(pages.library);
        Files.write(pages.processes, new byte[MOST_PROCESSES * ENTRY]);
        return Optional.of(pages);
    }

    /**
     * @param enabled as the kernel writes it, for example {@code always [madvise] never}
     */
    static boolean areWanted(String enabled) {
        return !enabled.contains("[never]");
    }

    /** What criu's environment must hold. */
    Map<String, String> environment() {
        return Map.of("LD_PRELOAD", library.toString(), "FERRY_HUGE_PAGES", processes.toString());
    }

    /** Whether {@link #pass} must see a file of criu's. */
    static boolean isAsked(String file) {
        return PagemapRuns.isPagemap(file) || file.startsWith(MAPPINGS);
    }

    /** Sees a file before criu does, and gives what criu gets. */
    byte[] pass(String file, byte[] content) throws IOException {
        if (!file.startsWith(MAPPINGS)) {
            return PagemapRuns.joined(content);
        }
        OptionalLong begin = begin(file, content);
        if (begin.isPresent()) {
            String process = file.substring(MAPPINGS.length(), file.length() - SUFFIX.length());
            add(Integer.parseInt(process), (int) begin.getAsLong());
        }
        return content;
    }

    /** Several processes may be asked for at a time. */
    private synchronized void add(int process, int begin) throws IOException {
        if (count == MOST_PROCESSES) {
            return;
        }
        try (FileChannel file = FileChannel.open(processes, StandardOpenOption.WRITE)) {
            ByteBuffer entry = ByteBuffer.allocate(ENTRY).order(ByteOrder.nativeOrder()).putInt(process).putInt(begin).flip();
            file.write(entry, (long) count * ENTRY);
        }
        count++;
    }

    /** Empty also if the file is not what is expected: then criu says what is wrong. */
    private static OptionalLong begin(String file, byte[] content) {
        try {
            return beginOfArea(CriuFile.parse(file, content).entries().getFirst());
        } catch (RuntimeException unexpected) {
            return OptionalLong.empty();
        }
    }

    /**
     * Where, modulo the size of a huge page, the area must begin into which criu reads a process's private mappings, one behind the other, so that most of its memory can be moved to its place
     * in huge pages.
     *
     * @param process one entry of a file mm-PID.img
     * @return empty: there is no memory for huge pages, or the process wants none
     */
    static OptionalLong beginOfArea(CriuFile.Entry process) {
        if (process.number(HUGE_DISABLED) != 0) {
            return OptionalLong.empty();
        }
        Map<Long, Long> bytesByBegin = new HashMap<>();
        long before = 0;
        for (CriuFile.Entry mapping : privateMappings(process)) {
            long length = mapping.number(END) - mapping.number(START);
            long whole = wholePages(mapping);
            if (whole > 0 && (mapping.number(STATUS) & ANON_PRIVATE) != 0) {
                if ((mapping.number(ADVICE) & NO_HUGE_PAGE) != 0) {
                    return OptionalLong.empty();
                }
                bytesByBegin.merge(Math.floorMod(mapping.number(START) - before, BYTES), whole, Long::sum);
            }
            before += length;
        }
        return bytesByBegin.entrySet().stream()
                .filter(begin -> begin.getKey() % PAGE == 0)
                .max(Map.Entry.<Long, Long>comparingByValue().thenComparing(Map.Entry.comparingByKey()))
                .map(begin -> OptionalLong.of(begin.getKey()))
                .orElse(OptionalLong.empty());
    }

    /** Those that criu reads into its area. Addresses of the kernel's own half are negative numbers here. */
    private static List<CriuFile.Entry> privateMappings(CriuFile.Entry process) {
        return process.messages(VMAS).stream()
                .filter(mapping -> mapping.number(END) > 0)
                .filter(mapping -> {
                    long status = mapping.number(STATUS);
                    return ((status & REGULAR) != 0 && (status & (FILE_PRIVATE | ANON_PRIVATE)) != 0) || (status & AIO_RING) != 0;
                })
                .toList();
    }

    private static long wholePages(CriuFile.Entry mapping) {
        long first = Math.ceilDiv(mapping.number(START), BYTES);
        long last = Math.floorDiv(mapping.number(END), BYTES);
        return Math.max(0, last - first) * BYTES;
    }
}
