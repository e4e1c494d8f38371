package dev.ferry.node.posix;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Memory that this process never gives back, in huge pages where the kernel has some. On a machine of slow page faults to touch 256 MiB in pages of 4 KiB takes longer than all else that a daemon does at
 * its start.
 */
public final class ResidentMemory {
    private static final long HUGE_PAGE = 2L << 20;
    // Of mman.h, the same on all architectures of Linux that the JVM runs on.
    private static final int PROT_READ_WRITE = 3;
    private static final int MAP_PRIVATE_ANONYMOUS = 0x22;
    private static final int MADV_HUGEPAGE = 14;

    private ResidentMemory() {}

    /**
     * Buffers of zeros, whose pages come when they are touched first.
     *
     * @param bytes of each buffer
     * @throws PosixException ENOMEM
     */
    public static List<ByteBuffer> buffers(int count, int bytes) throws PosixException {
        long size = (long) count * bytes;
        // Huge pages lie at multiples of their size.
        long mapped = size + HUGE_PAGE;
        long address = Native.check("mmap", (state, arena) -> (long) Native.MMAP.invokeExact(state, MemorySegment.NULL, mapped, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0L));
        long begin = (address + HUGE_PAGE - 1) & -HUGE_PAGE;
        try {
            long ignored = Native.check("madvise", (state, arena) -> (int) Native.MADVISE.invokeExact(state, MemorySegment.ofAddress(begin), size, MADV_HUGEPAGE));
        } catch (PosixException none) {
            // A kernel without huge pages: small ones do as well.
        }
        MemorySegment all = MemorySegment.ofAddress(begin).reinterpret(size);
        return IntStream.range(0, count).mapToObj(each -> all.asSlice((long) each * bytes, bytes).asByteBuffer()).toList();
    }
}
