package dev.ferry.node.criu;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.WireFormat;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/**
 * The private mappings of a process, as criu puts them into one area, one behind the other, before it moves each to its place.
 *
 * @param all in the order of their addresses
 * @param wantsNone whether the process asked for no huge pages
 */
record ProcessMappings(List<Placed> all, boolean wantsNone) {
    /** Of an aligned huge page. */
    static final long HUGE_PAGE = 2 << 20;

    private static final long PAGE = 4096;

    // Of images/mm.proto.
    private static final int VMA = 14 << 3 | WireFormat.WIRETYPE_LENGTH_DELIMITED;
    private static final int HUGE_DISABLED = 17 << 3 | WireFormat.WIRETYPE_VARINT;

    /**
     * One mapping in the area.
     *
     * @param offset where it begins there
     */
    record Placed(Mapping mapping, long offset) {
        /** What the area's begin must be, modulo a huge page, for the mapping to be moved in huge pages. */
        long begin() {
            return Math.floorMod(mapping.start - offset, HUGE_PAGE);
        }
    }

    /**
     * @param file a file mm-PID.img: two magic numbers, then a message and before it its length, 4 bytes each
     * @throws IOException when the message is none
     */
    static ProcessMappings of(byte[] file) throws IOException {
        int length = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getInt(2 * Integer.BYTES);
        // Of mappings there may be tens of thousands: each is read where it lies.
        CodedInputStream process = CodedInputStream.newInstance(file, 3 * Integer.BYTES, length);
        List<Placed> all = new ArrayList<>();
        boolean wantsNone = false;
        long offset = 0;
        for (int tag = process.readTag(); tag != 0; tag = process.readTag()) {
            if (tag == HUGE_DISABLED) {
                wantsNone |= process.readBool();
            } else if (tag == VMA) {
                int outer = process.pushLimit(process.readRawVarint32());
                Mapping mapping = Mapping.read(process);
                process.popLimit(outer);
                if (mapping.isPrivate()) {
                    wantsNone |= mapping.wholePages() > 0 && mapping.wantsNone();
                    all.add(new Placed(mapping, offset));
                    offset += mapping.end - mapping.start;
                }
            } else {
                process.skipField(tag);
            }
        }
        return new ProcessMappings(all, wantsNone);
    }

    /**
     * Where, modulo the size of a huge page, the area must begin so that most of the memory can be moved to its place in huge pages.
     *
     * @return empty: there is no memory for huge pages, or the process wants none
     */
    OptionalLong beginOfArea() {
        if (wantsNone) {
            return OptionalLong.empty();
        }
        Map<Long, Long> bytesByBegin = new HashMap<>();
        for (Placed one : all) {
            long whole = one.mapping.wholePages();
            if (whole > 0 && one.begin() % PAGE == 0) {
                bytesByBegin.merge(one.begin(), whole, Long::sum);
            }
        }
        return bytesByBegin.entrySet().stream()
                .max(Map.Entry.<Long, Long>comparingByValue().thenComparing(Map.Entry.comparingByKey()))
                .map(begin -> OptionalLong.of(begin.getKey()))
                .orElse(OptionalLong.empty());
    }

    /** What is asked of one mapping; numbers are those of images/vma.proto and include/image.h. Addresses of the kernel's own half are negative. */
    record Mapping(long start, long end, long flags, long status, long advice) {
        private static final int REGULAR = 1;
        private static final int FILE_PRIVATE = 1 << 6;
        private static final int ANON_PRIVATE = 1 << 9;
        private static final int AIO_RING = 1 << 13;
        private static final long NO_HUGE_PAGE = 1 << 15;
        /** MAP_PRIVATE and MAP_ANONYMOUS. */
        private static final long PLAIN = 0x22;

        private static Mapping read(CodedInputStream from) throws IOException {
            long[] numbers = new long[10];
            for (int tag = from.readTag(); tag != 0; tag = from.readTag()) {
                int field = WireFormat.getTagFieldNumber(tag);
                if (field < numbers.length && WireFormat.getTagWireType(tag) == WireFormat.WIRETYPE_VARINT) {
                    numbers[field] = from.readRawVarint64();
                } else {
                    from.skipField(tag);
                }
            }
            return new Mapping(numbers[1], numbers[2], numbers[6], numbers[7], numbers[9]);
        }

        /** Whether criu reads it into its area. */
        private boolean isPrivate() {
            boolean regular = (status & REGULAR) != 0 && (status & (FILE_PRIVATE | ANON_PRIVATE)) != 0;
            return end > 0 && (regular || (status & AIO_RING) != 0);
        }

        /** Bytes of memory of no file that may be huge pages. */
        private long wholePages() {
            long pages = Math.floorDiv(end, HUGE_PAGE) - Math.ceilDiv(start, HUGE_PAGE);
            return (status & ANON_PRIVATE) == 0 ? 0 : Math.max(0, pages) * HUGE_PAGE;
        }

        private boolean wantsNone() {
            return (advice & NO_HUGE_PAGE) != 0;
        }

        /** Its addresses. */
        PageRun range() {
            return new PageRun(start, end - start);
        }

        /** Whether any other private memory of no file could take its place, and there are huge pages in it. */
        boolean isPlain() {
            return isPrivate() && flags == PLAIN && wholePages() > 0;
        }
    }
}
