package dev.ferry.node.posix;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.Set;
import jnr.constants.platform.Errno;
import org.jspecify.annotations.Nullable;

/**
 * A regular file that is read, and that says where it has holes: ranges that take no room and are read as zeros (lseek(2), SEEK_DATA and
 * SEEK_HOLE). What may be other than zero is never said to be a hole, also if it was written through a mapping a moment ago and is in the
 * kernel's memory only. File systems of which that is not certain are taken to have no holes: FUSE asks a server, which does not know what
 * is in the kernel's memory; ZFS said so of what had just been written until 2.2.2. Used by one thread.
 */
public final class SparseFile implements AutoCloseable {
    private static final int O_RDONLY = 0;
    private static final int O_NOFOLLOW = 0x20000;
    private static final int O_CLOEXEC = 0x80000;
    private static final int SEEK_SET = 0;
    private static final int SEEK_DATA = 3;
    private static final int SEEK_HOLE = 4;
    /** Bytes of a struct statfs, rounded up; its first field is the file system's type, a long. */
    private static final int STATFS = 256;

    private static final long EXT4 = 0xEF53;
    private static final long XFS = 0x58465342;
    private static final long BTRFS = 0x9123683EL;
    private static final long TMPFS = 0x01021994;
    /** Their code looks at pages in memory wherever blocks were not written yet. */
    private static final Set<Long> CERTAIN = Set.of(EXT4, XFS, BTRFS, TMPFS);

    private final int descriptor;
    private final long length;
    private @Nullable Boolean certain;

    private SparseFile(int descriptor, long length) {
        this.descriptor = descriptor;
        this.length = length;
    }

    /**
     * @param path as the kernel has it; a symlink is not followed
     * @param length of the file, which does not change while this is open
     */
    public static SparseFile open(byte[] path, long length) throws PosixException {
        return new SparseFile(Posix.open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), length);
    }

    /** Bytes of the file, its holes among them. */
    public long length() {
        return length;
    }

    /**
     * Where the next hole begins.
     *
     * @param from a byte of the file
     * @return the file's length: from there on there is none
     */
    public long hole(long from) throws PosixException {
        long at = seek(from, SEEK_HOLE, length);
        return at < length && isCertain() ? at : length;
    }

    /**
     * Where the next data begins.
     *
     * @param from a byte of the file
     * @return the file's length: from there on there is only a hole
     */
    public long data(long from) throws PosixException {
        long at = seek(from, SEEK_DATA, from);
        return at == from || isCertain() ? at : from;
    }

    /**
     * Where the kernel says; behind the last data it says ENXIO.
     *
     * @param otherwise for a file that can't be asked, which is all data then
     */
    private long seek(long from, int whence, long otherwise) throws PosixException {
        try {
            return Math.min(length, Native.check("lseek", (state, arena) -> (long) Native.LSEEK.invokeExact(state, descriptor, from, whence)));
        } catch (PosixException failed) {
            if (failed.is(Errno.ENXIO)) {
                return length;
            }
            if (failed.is(Errno.EINVAL)) {
                return otherwise;
            }
            throw failed;
        }
    }

    private boolean isCertain() throws PosixException {
        Boolean known = certain;
        if (known == null) {
            known = CERTAIN.contains(fileSystem());
            certain = known;
        }
        return known;
    }

    /** Its type, as statfs(2) has it: 32 bits are told, in a long. */
    private long fileSystem() throws PosixException {
        long[] type = new long[1];
        long ignored =
                Native.check(
                        "fstatfs",
                        (state, arena) -> {
                            MemorySegment facts = arena.allocate(STATFS, Long.BYTES);
                            int result = (int) Native.FSTATFS.invokeExact(state, descriptor, facts);
                            type[0] = facts.get(ValueLayout.JAVA_LONG, 0);
                            return result;
                        });
        return type[0] & 0xFFFF_FFFFL;
    }

    /** The next {@link #read} begins there. */
    public void position(long at) throws PosixException {
        long ignored = Native.check("lseek", (state, arena) -> (long) Native.LSEEK.invokeExact(state, descriptor, at, SEEK_SET));
    }

    /**
     * Reads into a direct buffer from its position to its limit, or to the file's end, and moves the position.
     *
     * @return whether all of it is filled
     */
    public boolean read(ByteBuffer into) throws PosixException {
        while (into.hasRemaining()) {
            if (Posix.read(descriptor, into) == 0) {
                return false;
            }
        }
        return true;
    }

    @Override
    public void close() {
        Posix.close(descriptor);
    }
}
