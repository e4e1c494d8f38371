package dev.ferry.node.memory;

import dev.ferry.node.posix.Posix;
import dev.ferry.node.posix.PosixException;
import dev.ferry.node.posix.ProcText;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Reads the pages of a process that CRIU would dump, in the order in which it would, while the process runs: nothing is
 * stopped, and a page that is not there is not made. What is read is one moment's content of each page, of different
 * pages at different moments, and a page may be torn: it is good for knowing most of the memory in advance, never for an image.
 */
public final class ProcessPages {
    private static final int PAGE = 4096;
    private static final int ENTRY = 8;
    /** Entries that are read at a time: of 32 MiB of addresses. */
    private static final int ENTRIES = 8192;

    private final int pid;
    private final Set<String> shared;

    /**
     * @param shared names of shared memory that was read from other processes; what this one adds is put in
     */
    public ProcessPages(int pid, Set<String> shared) {
        this.pid = pid;
        this.shared = shared;
    }

    /** Takes over the pages, in order. */
    public interface Sink {
        /** An empty direct buffer; waits for one. */
        ByteBuffer take() throws InterruptedException;

        /** A mapping of private memory of no file begins, of which there may be pages. */
        default void mapping(long begin, long end) {}

        /**
         * Takes over a buffer that {@link #take} gave, from position to limit; also an empty one.
         *
         * @param from where its bytes lie in the process, in their order
         */
        void pages(ByteBuffer owned, List<Posix.Range> from) throws InterruptedException;

        /** Whether no more is wanted: asked now and then. */
        default boolean isEnough() {
            return false;
        }
    }

    /**
     * Reads all pages. A process that ends meanwhile has no more pages.
     *
     * @throws IOException when the kernel doesn't let us look into the process
     */
    public void read(Sink sink) throws IOException, InterruptedException {
        Path proc = Path.of("/proc", Integer.toString(pid));
        List<String> maps = new ArrayList<>();
        try {
            ProcText.lines(proc.resolve("maps"), maps::add);
        } catch (NoSuchFileException gone) {
            return;
        }
        try (FileChannel pagemap = FileChannel.open(proc.resolve("pagemap"), StandardOpenOption.READ)) {
            Run run = new Run(sink);
            for (Region region : Region.of(maps, shared)) {
                if (region.kind() == Region.Kind.ANONYMOUS) {
                    sink.mapping(region.begin(), region.end());
                }
                read(pagemap, region, run);
            }
            run.end();
        } catch (NoSuchFileException gone) {
            // It ended between the two files.
        } catch (PosixException failed) {
            if (!failed.noSuchProcess()) {
                throw failed;
            }
        }
    }

    private void read(FileChannel pagemap, Region region, Run run) throws IOException, InterruptedException {
        ByteBuffer entries = ByteBuffer.allocate(ENTRIES * ENTRY).order(ByteOrder.nativeOrder());
        long at = region.begin();
        while (Long.compareUnsigned(at, region.end()) < 0 && !run.sink.isEnough()) {
            int count = (int) Math.min(ENTRIES, (region.end() - at) / PAGE);
            entries.clear().limit(count * ENTRY);
            int read = pagemap.read(entries, Long.divideUnsigned(at, PAGE) * ENTRY);
            if (read <= 0) {
                return;
            }
            for (int i = 0; i < read / ENTRY; i++) {
                if (region.wants(entries.getLong(i * ENTRY))) {
                    run.page(at + (long) i * PAGE);
                }
            }
            at += (long) (read / ENTRY) * PAGE;
        }
    }

    /** Collects neighbouring pages until a buffer's worth is there. */
    private final class Run {
        private final Sink sink;
        private final List<Posix.Range> ranges = new ArrayList<>();
        private ByteBuffer buffer;
        private int collected;

        Run(Sink sink) throws InterruptedException {
            this.sink = sink;
            buffer = sink.take();
        }

        void page(long address) throws IOException, InterruptedException {
            Posix.Range last = ranges.isEmpty() ? null : ranges.getLast();
            if (last != null && last.address() + last.length() == address) {
                ranges.set(ranges.size() - 1, new Posix.Range(last.address(), last.length() + PAGE));
            } else {
                ranges.add(new Posix.Range(address, PAGE));
            }
            collected += PAGE;
            if (collected + PAGE > buffer.capacity() || ranges.size() == Posix.MOST_RANGES) {
                read();
                buffer = sink.take();
            }
        }

        private void read() throws IOException, InterruptedException {
            List<Posix.Range> asked = List.copyOf(ranges);
            try {
                if (!ranges.isEmpty()) {
                    Posix.readMemory(pid, ranges, buffer);
                }
            } finally {
                ranges.clear();
                collected = 0;
                buffer.flip();
                sink.pages(buffer, first(asked, buffer.remaining()));
            }
        }

        /** What was read of what was asked for: a range that is gone ends the reading. */
        private static List<Posix.Range> first(List<Posix.Range> ranges, int bytes) {
            List<Posix.Range> read = new ArrayList<>();
            int left = bytes;
            for (Posix.Range range : ranges) {
                if (left > 0) {
                    read.add(new Posix.Range(range.address(), Math.min(left, range.length())));
                }
                left -= range.length();
            }
            return read;
        }

        void end() throws IOException, InterruptedException {
            read();
        }
    }
}
