package dev.ferry.node.criu;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.WireFormat;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * Joins the runs of a pagemap that follow each other. A dump writes at most 1 MiB of memory as one run, as much as a pipe holds, and criu reads each run by itself at a restore. Joined, it
 * reads as much as there is, and {@code ferry-pages.c} sees how far memory is going to be filled without a gap. The pages that they stand for are the same in the same order.
 */
final class PagemapRuns {
    /** A run that is longer is begun anew: criu counts the pages of one read as an {@code int}. */
    private static final long MOST_PAGES = 1 << 18;

    private static final int PAGE = 4096;
    private static final int MAGIC_BYTES = 8;

    private PagemapRuns() {}

    /** Whether a file of CRIU's is the pagemap of a process, not of memory that several share. */
    static boolean isPagemap(String file) {
        return file.startsWith("pagemap-") && !file.startsWith("pagemap-shmem-");
    }

    /**
     * One run, as in CRIU's images/pagemap.proto: where it begins (1), its pages (5; then 2 is 0; before CRIU 4.2 only 2), whether its content is in an earlier dump (3), flags (4).
     * Numbers that are not set are -1.
     *
     * @param older whether its pages stand in field 2
     */
    private record Run(long address, long pages, boolean older, long inParent, long flags) {
        boolean goesOnWith(Run next) {
            return address + pages * PAGE == next.address && older == next.older && inParent == next.inParent && flags == next.flags && pages + next.pages <= MOST_PAGES;
        }

        Run with(Run next) {
            return new Run(address, pages + next.pages, older, inParent, flags);
        }

        byte[] message() throws IOException {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream(32);
            CodedOutputStream out = CodedOutputStream.newInstance(bytes);
            out.writeUInt64(1, address);
            out.writeUInt64(2, older ? pages : 0);
            if (inParent >= 0) {
                out.writeUInt64(3, inParent);
            }
            if (flags >= 0) {
                out.writeUInt64(4, flags);
            }
            if (!older) {
                out.writeUInt64(5, pages);
            }
            out.flush();
            return bytes.toByteArray();
        }
    }

    /**
     * @param pagemap the file: 8 bytes, then entries of their length (4 bytes, little endian) and their message, of which the first is no run
     * @return the file with fewer runs, or as it is, if it is not what is expected: then criu says what is wrong
     */
    static byte[] joined(byte[] pagemap) {
        try {
            return join(ByteBuffer.wrap(pagemap).order(ByteOrder.LITTLE_ENDIAN));
        } catch (IOException | RuntimeException unexpected) {
            return pagemap;
        }
    }

    private static byte[] join(ByteBuffer from) throws IOException {
        ByteArrayOutputStream to = new ByteArrayOutputStream(from.remaining());
        byte[] begin = new byte[MAGIC_BYTES];
        from.get(begin);
        to.write(begin);
        write(to, next(from));
        Run open = null;
        while (from.hasRemaining()) {
            byte[] message = next(from);
            Run run = run(message);
            if (open != null && run != null && open.goesOnWith(run)) {
                open = open.with(run);
                continue;
            }
            if (open != null) {
                write(to, open.message());
            }
            if (run == null) {
                write(to, message);
            }
            open = run;
        }
        if (open != null) {
            write(to, open.message());
        }
        return to.toByteArray();
    }

    private static byte[] next(ByteBuffer from) {
        byte[] message = new byte[from.getInt()];
        from.get(message);
        return message;
    }

    private static void write(ByteArrayOutputStream to, byte[] message) throws IOException {
        to.write(ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN).putInt(message.length).array());
        to.write(message);
    }

    /** @return null: it holds something that is not known here */
    private static @Nullable Run run(byte[] message) throws IOException {
        long[] numbers = {-1, -1, -1, -1, -1, -1};
        CodedInputStream in = CodedInputStream.newInstance(message);
        while (!in.isAtEnd()) {
            int tag = in.readTag();
            int field = WireFormat.getTagFieldNumber(tag);
            if (field < 1 || field >= numbers.length || WireFormat.getTagWireType(tag) != WireFormat.WIRETYPE_VARINT) {
                return null;
            }
            numbers[field] = in.readUInt64();
        }
        boolean older = numbers[5] < 0;
        long pages = older ? numbers[2] : numbers[5];
        boolean both = numbers[2] > 0 && numbers[5] >= 0;
        return both || pages <= 0 || pages > MOST_PAGES || numbers[1] < 0 ? null : new Run(numbers[1], pages, older, numbers[3], numbers[4]);
    }
}
