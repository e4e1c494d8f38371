package dev.ferry.node.criu;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.WireFormat;
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

    /** Of an aligned huge page. */
    private static final long BYTES = 2 << 20;
    private static final long PAGE = 4096;

    // Of images/mm.proto.
    private static final int VMA = 14 << 3 | WireFormat.WIRETYPE_LENGTH_DELIMITED;
    private static final int HUGE_DISABLED = 17 << 3 | WireFormat.WIRETYPE_VARINT;

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
    static Optional<HugePages> in(Path runFolder) {
        HugePages pages = new HugePages(runFolder.resolve(LIBRARY), runFolder.resolve(PROCESSES));
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
        return Map.of("LD_PRELOAD", library.toString(), "FERRY_HUGE_PAGES", processes.toString());
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
            String process = file.substring(MAPPINGS.length(), file.length() - SUFFIX.length());
            add(Integer.parseInt(process), (int) begin.getAsLong());
        }
        return content;
    }

    /** Several processes may be asked for at a time. */
    private synchronized void add(int process, int begin) {
        if (count == MOST_PROCESSES) {
            return;
        }
        try (FileChannel file = FileChannel.open(processes, StandardOpenOption.WRITE)) {
            ByteBuffer entry = ByteBuffer.allocate(ENTRY).order(ByteOrder.nativeOrder()).putInt(process).putInt(begin).flip();
            file.write(entry, (long) count * ENTRY);
            count++;
        } catch (IOException failed) {
            LOG.warn("process {} is restored without huge pages: {}", process, failed.toString());
        }
    }

    /** Empty also if the file is not what is expected: then criu says what is wrong. */
    private static OptionalLong begin(byte[] content) {
        try {
            return beginOfArea(content);
        } catch (IOException | RuntimeException unexpected) {
            return OptionalLong.empty();
        }
    }

    /**
     * Where, modulo the size of a huge page, the area must begin into which criu reads a process's private mappings, one behind the other, so that most of its memory can be moved to its place
     * in huge pages.
     *
     * @param file a file mm-PID.img: two magic numbers, then a message and before it its length, 4 bytes each
     * @return empty: there is no memory for huge pages, or the process wants none
     * @throws IOException when the message is none
     */
    static OptionalLong beginOfArea(byte[] file) throws IOException {
        int length = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getInt(2 * Integer.BYTES);
        // Of mappings there may be tens of thousands: each is read where it lies.
        CodedInputStream process = CodedInputStream.newInstance(file, 3 * Integer.BYTES, length);
        Map<Long, Long> bytesByBegin = new HashMap<>();
        boolean wantsNone = false;
        long before = 0;
        for (int tag = process.readTag(); tag != 0; tag = process.readTag()) {
            if (tag == HUGE_DISABLED) {
                wantsNone |= process.readBool();
            } else if (tag == VMA) {
                int outer = process.pushLimit(process.readRawVarint32());
                Mapping mapping = Mapping.read(process);
                process.popLimit(outer);
                if (mapping.isPrivate()) {
                    long whole = mapping.wholePages();
                    wantsNone |= whole > 0 && mapping.wantsNone();
                    if (whole > 0) {
                        bytesByBegin.merge(Math.floorMod(mapping.start - before, BYTES), whole, Long::sum);
                    }
                    before += mapping.end - mapping.start;
                }
            } else {
                process.skipField(tag);
            }
        }
        if (wantsNone) {
            return OptionalLong.empty();
        }
        return bytesByBegin.entrySet().stream()
                .filter(begin -> begin.getKey() % PAGE == 0)
                .max(Map.Entry.<Long, Long>comparingByValue().thenComparing(Map.Entry.comparingByKey()))
                .map(begin -> OptionalLong.of(begin.getKey()))
                .orElse(OptionalLong.empty());
    }

    /** What is asked of one mapping; numbers are those of images/vma.proto and include/image.h. Addresses of the kernel's own half are negative. */
    private record Mapping(long start, long end, long status, long advice) {
        private static final int REGULAR = 1;
        private static final int FILE_PRIVATE = 1 << 6;
        private static final int ANON_PRIVATE = 1 << 9;
        private static final int AIO_RING = 1 << 13;
        private static final long NO_HUGE_PAGE = 1 << 15;

        static Mapping read(CodedInputStream from) throws IOException {
            long[] numbers = new long[10];
            for (int tag = from.readTag(); tag != 0; tag = from.readTag()) {
                int field = WireFormat.getTagFieldNumber(tag);
                if (field < numbers.length && WireFormat.getTagWireType(tag) == WireFormat.WIRETYPE_VARINT) {
                    numbers[field] = from.readRawVarint64();
                } else {
                    from.skipField(tag);
                }
            }
            return new Mapping(numbers[1], numbers[2], numbers[7], numbers[9]);
        }

        /** Whether criu reads it into its area. */
        boolean isPrivate() {
            boolean regular = (status & REGULAR) != 0 && (status & (FILE_PRIVATE | ANON_PRIVATE)) != 0;
            return end > 0 && (regular || (status & AIO_RING) != 0);
        }

        /** Bytes of memory of no file that may be huge pages. */
        long wholePages() {
            long pages = Math.floorDiv(end, BYTES) - Math.ceilDiv(start, BYTES);
            return (status & ANON_PRIVATE) == 0 ? 0 : Math.max(0, pages) * BYTES;
        }

        boolean wantsNone() {
            return (advice & NO_HUGE_PAGE) != 0;
        }
    }
}
