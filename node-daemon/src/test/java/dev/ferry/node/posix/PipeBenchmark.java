package dev.ferry.node.posix;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * How long it takes to empty a pipe of 64 MiB that come as CRIU sends a job's memory (its pages are lent to the pipe by vmsplice and not copied), by the size of the pipe, what is read at once, and where to. docs/performance.md has the
 * command and the figures.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(value = 1, jvmArgs = {"-Xmx256m", "-XX:+UseSerialGC", "--enable-native-access=ALL-UNNAMED"})
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
public class PipeBenchmark {
    private static final int BYTES = 64 << 20;
    private static final int MADV_DONTNEED = 4;
    private static final int MADV_NOHUGEPAGE = 15;

    private static final Linker LINKER = Linker.nativeLinker();
    /** ssize_t vmsplice(int pipe, const struct iovec *from, size_t count, unsigned flags) */
    private static final MethodHandle VMSPLICE = handle("vmsplice", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
    /** ssize_t splice(int in, off_t *at, int out, off_t *to, size_t bytes, unsigned flags) */
    private static final MethodHandle SPLICE = handle("splice", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));

    private static MethodHandle handle(String name, FunctionDescriptor type) {
        return LINKER.downcallHandle(LINKER.defaultLookup().find(name).orElseThrow(), type);
    }

    /** A pipe, and the one who fills it on a thread of its own. */
    public abstract static class Pipe {
        private final ExecutorService writer = Executors.newSingleThreadExecutor();
        private final ByteBuffer memory = touched();
        private final int[] ends = new int[2];

        void open(int kibibytes) throws PosixException {
            if (Posix.libc().pipe(ends) != 0) {
                throw new PosixException("pipe", Posix.libc().errno());
            }
            Posix.growPipe(ends[0], kibibytes << 10);
        }

        int readEnd() {
            return ends[0];
        }

        Future<Long> begin() {
            return writer.submit(this::lend);
        }

        private long lend() throws Exception {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment from = arena.allocate(ADDRESS.byteSize() + JAVA_LONG.byteSize());
                long lent = 0;
                while (lent < BYTES) {
                    from.set(ADDRESS, 0, MemorySegment.ofBuffer(memory).asSlice(lent));
                    from.set(JAVA_LONG, ADDRESS.byteSize(), BYTES - lent);
                    lent += positive(() -> (long) VMSPLICE.invokeExact(ends[1], from, 1L, 0));
                }
                return lent;
            }
        }

        @TearDown
        public void close() {
            Posix.close(ends[0]);
            Posix.close(ends[1]);
            writer.shutdown();
        }
    }

    /** What is read into. */
    @State(Scope.Benchmark)
    public static class Buffers extends Pipe {
        @Param({"64", "256", "1024"})
        public int pipeKibibytes;

        @Param({"64", "256", "1024"})
        public int readKibibytes;

        @Param({"touched", "huge", "new"})
        public String pages = "";

        private ByteBuffer all = ByteBuffer.allocateDirect(0);

        @Setup
        public void make() throws PosixException {
            open(pipeKibibytes);
            all = pages.equals("huge") ? ResidentMemory.buffers(1, BYTES).getFirst() : touched();
            touch(all);
        }

        @Setup(Level.Invocation)
        public void forget() throws PosixException {
            if (pages.equals("new")) {
                advise(all, MADV_DONTNEED);
            }
        }
    }

    /** Where it goes if not into buffers: a file in memory whose pages are there. */
    @State(Scope.Benchmark)
    public static class Spool extends Pipe {
        private static final int READ = 256 << 10;

        private final ByteBuffer buffer = ByteBuffer.allocateDirect(READ);
        private int file;

        @Setup
        public void make() throws PosixException {
            open(1024);
            file = Posix.memoryFile("benchmark");
            ByteBuffer zeros = touched();
            Posix.write(file, zeros);
        }

        void rewind() {
            long ignored = Posix.libc().lseekLong(file, 0, 0);
        }

        @TearDown
        public void closeFile() {
            Posix.close(file);
        }
    }

    /** @return what was lent: all of it was read */
    @Benchmark
    public long read(Buffers buffers) throws Exception {
        Future<Long> lent = buffers.begin();
        int each = buffers.readKibibytes << 10;
        int read = 0;
        while (read < BYTES) {
            read += Posix.read(buffers.readEnd(), buffers.all.limit(Math.min(BYTES, read + each)).position(read));
        }
        return lent.get();
    }

    @Benchmark
    public long readAndWriteToAFile(Spool spool) throws Exception {
        spool.rewind();
        Future<Long> lent = spool.begin();
        int read = 0;
        while (read < BYTES) {
            read += Posix.read(spool.readEnd(), spool.buffer.clear());
            Posix.write(spool.file, spool.buffer.flip());
        }
        return lent.get();
    }

    @Benchmark
    public long spliceToAFile(Spool spool) throws Exception {
        spool.rewind();
        Future<Long> lent = spool.begin();
        long spliced = 0;
        while (spliced < BYTES) {
            spliced += positive(() -> (long) SPLICE.invokeExact(spool.readEnd(), MemorySegment.NULL, spool.file, MemorySegment.NULL, 1L << 20, 0));
        }
        return lent.get();
    }

    private static ByteBuffer touched() {
        try {
            ByteBuffer memory = ResidentMemory.buffers(1, BYTES).getFirst();
            advise(memory, MADV_NOHUGEPAGE);
            touch(memory);
            return memory;
        } catch (PosixException failed) {
            throw new IllegalStateException(failed);
        }
    }

    private static void touch(ByteBuffer memory) {
        for (int at = 0; at < BYTES; at += 4096) {
            memory.put(at, (byte) 1);
        }
    }

    private static void advise(ByteBuffer memory, int advice) throws PosixException {
        long ignored = Native.check("madvise", (state, arena) -> (int) Native.MADVISE.invokeExact(state, MemorySegment.ofBuffer(memory), (long) BYTES, advice));
    }

    private interface Call {
        long make() throws Throwable;
    }

    private static long positive(Call call) {
        try {
            long count = call.make();
            if (count > 0) {
                return count;
            }
        } catch (Throwable failed) {
            throw new IllegalStateException(failed);
        }
        throw new IllegalStateException("a call failed");
    }
}
