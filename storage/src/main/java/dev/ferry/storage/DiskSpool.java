package dev.ferry.storage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.OptionalInt;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where bytes wait when the buffers in memory are full: slots of one file of bounded size. The file has no
 * name from its first moment on, so that a daemon that is killed leaves nothing behind; nothing is synced,
 * because what lies here is of no use to anybody after a crash. Slots that were used are used again first:
 * their pages are in the kernel's cache. Safe for threads, which must not be interrupted while they are in here: that would
 * close the file.
 */
public final class DiskSpool implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(DiskSpool.class);
    /** Buffers through which bytes come back; more than all cutters together can hold at a time. */
    private static final int BACK_BUFFERS = 32;

    private final FileChannel file;
    private final int slotBytes;
    private final BufferPool back;
    private final Deque<Integer> used = new ArrayDeque<>();
    private final int quota;
    private int slots;
    private boolean told;
    private int touched;
    private int taken;

    /**
     * @param folder where the file lies; it is made if it is not there
     * @param bytes how large the file may become; it is as large as it ever had to be
     * @param slotBytes the longest piece
     */
    public DiskSpool(Path folder, long bytes, int slotBytes) throws IOException {
        this(unnamed(folder), bytes, slotBytes);
    }

    DiskSpool(FileChannel file, long bytes, int slotBytes) {
        this.file = file;
        this.slotBytes = slotBytes;
        quota = (int) Math.min(Integer.MAX_VALUE, bytes / slotBytes);
        slots = quota;
        back = new BufferPool(BACK_BUFFERS, slotBytes);
    }

    private static FileChannel unnamed(Path folder) throws IOException {
        Files.createDirectories(folder);
        Path path = Files.createTempFile(folder, "spool", "");
        FileChannel file = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
        Files.delete(path);
        return file;
    }

    /**
     * Keeps the bytes from position to limit; the buffer is as before.
     *
     * @return the slot; empty when the quota or the disk is full
     */
    public OptionalInt put(ByteBuffer bytes) {
        int slot;
        synchronized (this) {
            if (taken == slots) {
                return OptionalInt.empty();
            }
            Integer again = used.poll();
            slot = again == null ? touched++ : again;
            taken++;
        }
        try {
            write(bytes.duplicate(), slot);
            return OptionalInt.of(slot);
        } catch (IOException full) {
            refuse(slot, full);
            return OptionalInt.empty();
        }
    }

    /** A disk that was full may have room again. */
    synchronized void tryAgain() {
        slots = quota;
        told = false;
    }

    /** Writes to slots that were never used until so many bytes can be taken by slots that were. */
    void touch(long bytes) {
        ByteBuffer zeros = ByteBuffer.allocateDirect(slotBytes);
        while (usedBytes() < bytes) {
            int slot;
            synchronized (this) {
                if (taken == slots || touched == slots) {
                    return;
                }
                slot = touched++;
                taken++;
            }
            try {
                write(zeros.clear(), slot);
                free(slot);
            } catch (IOException full) {
                refuse(slot, full);
                return;
            }
        }
    }

    private synchronized long usedBytes() {
        return (long) used.size() * slotBytes;
    }

    private void write(ByteBuffer bytes, int slot) throws IOException {
        uninterrupted(
                () -> {
                    long at = (long) slot * slotBytes;
                    while (bytes.hasRemaining()) {
                        at += file.write(bytes, at);
                    }
                });
    }

    private interface Transfer {
        void run() throws IOException;
    }

    /** A channel that an interrupted thread uses is closed, and with it the spool for all others. */
    private static void uninterrupted(Transfer transfer) throws IOException {
        boolean interrupted = Thread.interrupted();
        try {
            transfer.run();
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /**
     * A disk without room makes the spool smaller, not the dump fail: memory and back-pressure remain. It is tried again when nothing waits here any
     * more, and before each dump.
     */
    private synchronized void refuse(int slot, IOException why) {
        taken--;
        used.push(slot);
        if (!told) {
            LOG.warn("the spool on the disk takes no more than {} MiB now: {}", (long) taken * slotBytes >> 20, why.getMessage());
            told = true;
        }
        slots = taken;
    }

    /**
     * Brings a piece back and frees its slot; waits while all buffers for that are in use.
     *
     * @return a buffer to be given to {@link #giveBack}
     */
    public ByteBuffer take(int slot, int length) throws IOException, InterruptedException {
        try {
            ByteBuffer into = back.take().limit(length);
            try {
                fill(into, (long) slot * slotBytes);
            } catch (IOException failed) {
                back.give(into);
                throw failed;
            }
            return into.flip();
        } finally {
            free(slot);
        }
    }

    private void fill(ByteBuffer into, long from) throws IOException {
        uninterrupted(
                () -> {
                    long at = from;
                    while (into.hasRemaining()) {
                        int count = file.read(into, at);
                        if (count < 0) {
                            throw new IOException("the file is shorter than what was written to it");
                        }
                        at += count;
                    }
                });
    }

    public void giveBack(ByteBuffer buffer) {
        back.give(buffer);
    }

    /** Frees the slot of a piece that nobody wants any more. */
    public synchronized void free(int slot) {
        taken--;
        used.push(slot);
        if (taken == 0) {
            slots = quota;
        }
    }

    /** Bytes that it can still take. */
    public synchronized long freeBytes() {
        return (long) Math.max(0, slots - taken) * slotBytes;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
