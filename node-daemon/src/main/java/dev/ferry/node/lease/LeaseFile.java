package dev.ferry.node.lease;

import dev.ferry.common.FerryException;
import dev.ferry.node.posix.Posix;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/**
 * What daemon and watchdog tell each other, in memory that both have mapped: it is as the last of them left it, whichever is killed or
 * stopped, and each word is written whole. Laid out as {@code struct lease} in ferry-watchdog.c. Times are nanoseconds of
 * CLOCK_BOOTTIME; 0: never.
 */
final class LeaseFile {
    private static final byte[] MAGIC = "FERRYLS1".getBytes(StandardCharsets.US_ASCII);
    private static final int BOOT = 8;
    private static final int BOOT_BYTES = 40;
    private static final int FREEZE_AT = 48;
    private static final int PID = 56;
    private static final int LOOKED_AT = 64;
    private static final int FROZEN_AT = 72;
    private static final int BYTES = 4096;
    private static final VarHandle LONG = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.nativeOrder());

    private final MappedByteBuffer memory;

    private LeaseFile(MappedByteBuffer memory) {
        this.memory = memory;
    }

    /**
     * Opens the lease of a folder, as an earlier daemon left it if that was in this boot of the machine; else with nothing granted.
     *
     * @throws FerryException FORMAT_UNKNOWN when it is of another Ferry
     */
    static LeaseFile open(Path folder) throws IOException {
        Files.createDirectories(folder);
        Path path = folder.resolve("lease");
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            boolean fresh = file.size() < BYTES;
            MappedByteBuffer memory = file.map(FileChannel.MapMode.READ_WRITE, 0, BYTES);
            LeaseFile lease = new LeaseFile(memory);
            // All zero: whoever made it was killed before its first word, or the power went before its first page was written.
            boolean unborn = Arrays.equals(lease.bytes(0, MAGIC.length), new byte[MAGIC.length]);
            if (!fresh && !unborn && !Arrays.equals(lease.bytes(0, MAGIC.length), MAGIC)) {
                throw new FerryException(ErrorCode.FORMAT_UNKNOWN, "The lease " + path + " was written by another Ferry");
            }
            byte[] boot = Arrays.copyOf(Posix.bootId().getBytes(StandardCharsets.US_ASCII), BOOT_BYTES);
            if (fresh || unborn || !Arrays.equals(lease.bytes(BOOT, BOOT_BYTES), boot)) {
                memory.put(0, new byte[BYTES]);
                memory.put(BOOT, boot);
                memory.put(0, MAGIC);
            }
            return lease;
        }
    }

    /** From when on the jobs must not run. */
    long freezeAt() {
        return get(FREEZE_AT);
    }

    void freezeAt(long nanos) {
        LONG.setVolatile(memory, FREEZE_AT, nanos);
    }

    /** The process of the last watchdog; 0: there was none. */
    long watchdog() {
        return get(PID);
    }

    /** Nobody looks any more: what the last watchdog left is not its successor's. */
    void forgetWatchdog() {
        LONG.setVolatile(memory, LOOKED_AT, 0L);
        LONG.setVolatile(memory, PID, 0L);
    }

    /** When the watchdog last looked. */
    long lookedAt() {
        return get(LOOKED_AT);
    }

    /** Since when all jobs are frozen because the lease has ended; 0: they are not. */
    long frozenAt() {
        return get(FROZEN_AT);
    }

    private byte[] bytes(int from, int count) {
        byte[] bytes = new byte[count];
        memory.get(from, bytes);
        return bytes;
    }

    private long get(int at) {
        return (long) LONG.getVolatile(memory, at);
    }
}
