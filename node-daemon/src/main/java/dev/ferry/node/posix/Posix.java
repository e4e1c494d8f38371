package dev.ferry.node.posix;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import jnr.constants.platform.Errno;
import jnr.posix.FileStat;
import jnr.posix.POSIX;
import jnr.posix.POSIXFactory;

/**
 * System calls on plain descriptors and process ids. Calls block their thread in native code, so
 * they are made on platform threads.
 */
public final class Posix {
    private static final POSIX LIBC = POSIXFactory.getNativePOSIX();
    private static final int F_SETPIPE_SZ = 1031;
    private static final int PRIO_PROCESS = 0;
    /** Bytes of a struct iovec. */
    private static final int VECTOR = 16;
    private static final int F_GETFL = 3;
    private static final int F_SETFL = 4;
    private static final int O_NONBLOCK = 2048;
    private static final int O_WRONLY = 1;
    private static final int O_CREAT = 0100;
    private static final int O_EXCL = 0200;
    private static final int O_PATH = 0x200000;
    private static final int O_NOFOLLOW = 0x20000;
    private static final int O_CLOEXEC = 0x80000;
    private static final int O_DIRECTORY = 0x10000;
    private static final int MFD_CLOEXEC = 1;
    private static final int AT_FDCWD = -100;
    private static final long RESOLVE_NO_SYMLINKS = 4;
    /** Bytes of a struct open_how: flags, mode, resolve. */
    private static final int OPEN_HOW = 24;
    private static final long SYS_OPENAT2 = 437;
    private static final int ENOENT = 2;
    private static final int EACCES = 13;
    private static final int PATH_MAX = 4096;
    private static final int SMALL = 64 << 10;
    private static final short POLLIN = 1;
    private static final int CHARACTER_DEVICE = 0020666;
    private static final long SYS_PIDFD_OPEN = 434;
    private static final long SYS_PIDFD_GETFD = 438;
    private static final int CLOCK_BOOTTIME = 7;
    private static final int IPPROTO_TCP = 6;
    private static final int TCP_REPAIR = 19;
    private static final int START_TIME_FIELD_AFTER_NAME = 19;

    /** As it was read once: this process does not outlive a boot. */
    private static volatile String bootId = "";

    private Posix() {}

    static POSIX libc() {
        return LIBC;
    }

    /**
     * Opens a file in a folder that a job can write. The job may have put anything in its place: a link to a file of the
     * machine, a device, a pipe that would block whoever opens it.
     *
     * @return empty: nothing is there, or no regular file
     */
    public static Optional<FileChannel> openRegular(Path file) throws IOException {
        // A descriptor that only names what is there: nothing is opened by it, and nothing can be exchanged behind it.
        int descriptor = LIBC.open(file.toString(), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
        if (descriptor < 0) {
            if (LIBC.errno() == ENOENT) {
                return Optional.empty();
            }
            throw new PosixException("open", LIBC.errno());
        }
        try {
            return LIBC.fstat(descriptor).isFile() ? Optional.of(FileChannel.open(Path.of("/proc/self/fd/" + descriptor), StandardOpenOption.READ)) : Optional.empty();
        } finally {
            int ignored = LIBC.close(descriptor);
        }
    }

    /**
     * What lies at a path on which there is no symlink.
     *
     * @param real as {@link Path#toRealPath} gave it
     * @throws PosixException ELOOP: there is a symlink on it by now; ENOENT
     */
    public static FileIdentity identity(Path real) throws PosixException {
        int descriptor;
        try {
            // As a folder first: only so what is mounted when it is asked for (autofs) is there.
            descriptor = openPlain(real, O_PATH | O_DIRECTORY | O_CLOEXEC);
        } catch (PosixException failed) {
            if (!failed.is(Errno.ENOTDIR)) {
                throw failed;
            }
            descriptor = openPlain(real, O_PATH | O_CLOEXEC);
        }
        try {
            FileStat found = LIBC.fstat(descriptor);
            return new FileIdentity(found.dev(), found.ino());
        } finally {
            close(descriptor);
        }
    }

    /**
     * Opens a file by the bytes of its name: Java's strings lose what is no text.
     *
     * @param flags as of open(2)
     */
    static int open(byte[] path, long flags) throws PosixException {
        return (int)
                Native.check(
                        "open " + new String(path, StandardCharsets.UTF_8),
                        (state, arena) -> {
                            MemorySegment how = arena.allocate(OPEN_HOW, 8);
                            how.set(ValueLayout.JAVA_LONG, 0, flags);
                            return (long) Native.OPENAT2.invokeExact(state, SYS_OPENAT2, AT_FDCWD, cString(arena, path), how, (long) OPEN_HOW);
                        });
    }

    private static int openPlain(Path path, long flags) throws PosixException {
        return (int)
                Native.check(
                        "openat2 " + path,
                        (state, arena) -> {
                            MemorySegment how = arena.allocate(OPEN_HOW, 8);
                            how.set(ValueLayout.JAVA_LONG, 0, flags);
                            how.set(ValueLayout.JAVA_LONG, 16, RESOLVE_NO_SYMLINKS);
                            return (long) Native.OPENAT2.invokeExact(state, SYS_OPENAT2, AT_FDCWD, arena.allocateFrom(path.toString()), how, (long) OPEN_HOW);
                        });
    }

    /**
     * The begin of a small file that a job may have written; see {@link #openRegular}.
     *
     * @return empty: nothing is there, or no regular file
     */
    public static Optional<String> readSmall(Path file) throws IOException {
        Optional<FileChannel> opened = openRegular(file);
        if (opened.isEmpty()) {
            return Optional.empty();
        }
        try (InputStream content = Channels.newInputStream(opened.get())) {
            return Optional.of(new String(content.readNBytes(SMALL), StandardCharsets.ISO_8859_1));
        }
    }

    /**
     * Puts a small file into a folder that a job can write, whatever the job has put in its place; whole or not at all.
     *
     * @param file in a folder that the job can't exchange
     * @param uid its owner
     * @param gid its group
     */
    public static void replaceSmall(Path file, String text, int uid, int gid) throws IOException {
        Path temporary = file.resolveSibling(".ferry-" + UUID.randomUUID());
        int descriptor = LIBC.open(temporary.toString(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (descriptor < 0) {
            throw new PosixException("open", LIBC.errno());
        }
        try {
            // By the descriptor: the name may be another file's by now.
            if (LIBC.fchown(descriptor, uid, gid) < 0) {
                throw new PosixException("fchown", LIBC.errno());
            }
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            write(descriptor, ByteBuffer.allocateDirect(bytes.length).put(bytes).flip());
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            close(descriptor);
            boolean ignored = Files.deleteIfExists(temporary);
        }
    }

    /**
     * Reads into a direct buffer from its position and moves the position.
     *
     * @return bytes read; 0 at the end of the file
     */
    public static int read(int descriptor, ByteBuffer into) throws PosixException {
        long count = LIBC.read(descriptor, into, into.remaining());
        if (count < 0) {
            throw new PosixException("read", LIBC.errno());
        }
        into.position(into.position() + (int) count);
        return (int) count;
    }

    /** Writes all of a direct buffer. */
    public static void write(int descriptor, ByteBuffer from) throws PosixException {
        while (from.hasRemaining()) {
            long count = LIBC.write(descriptor, from, from.remaining());
            if (count < 0) {
                throw new PosixException("write", LIBC.errno());
            }
            from.position(from.position() + (int) count);
        }
    }

    /**
     * Makes a file in memory, which has no name: it needs no folder and no disk, and is gone with the last descriptor.
     *
     * @param label seen in /proc only
     * @return its descriptor, which programs that are started don't get; by its path in /proc/self/fd they may
     */
    public static int memoryFile(String label) throws PosixException {
        return (int) Native.check("memfd_create", (state, arena) -> (int) Native.MEMFD_CREATE.invokeExact(state, arena.allocateFrom(label), MFD_CLOEXEC));
    }

    /** Closes a descriptor; an error of close is not one of the data path and is ignored. */
    public static void close(int descriptor) {
        int ignored = LIBC.close(descriptor);
    }

    /**
     * Lets a descriptor that is in use name /dev/null from now on: what it named before is given up as if it was closed, but the
     * number is not free for others. A call that waits on the old file keeps it until it returns.
     */
    public static void empty(int descriptor) throws PosixException {
        int nothing = LIBC.open("/dev/null", O_CLOEXEC, 0);
        if (nothing < 0) {
            throw new PosixException("open /dev/null", LIBC.errno());
        }
        try {
            long ignored = Native.check("dup3", (state, arena) -> (int) Native.DUP3.invokeExact(state, nothing, descriptor, O_CLOEXEC));
        } finally {
            close(nothing);
        }
    }

    /** Asks for a pipe of so many bytes; the kernel's limits may give less, which is not an error. */
    public static void growPipe(int descriptor, int bytes) {
        try {
            long ignored =
                    Native.check(
                            "fcntl(F_SETPIPE_SZ)",
                            (state, arena) -> (int) Native.FCNTL.invokeExact(state, descriptor, F_SETPIPE_SZ, bytes));
        } catch (PosixException limited) {
            // A smaller pipe is slower, nothing else.
        }
    }

    public static void setNonBlocking(int descriptor) throws PosixException {
        long flags =
                Native.check("fcntl(F_GETFL)", (state, arena) -> (int) Native.FCNTL.invokeExact(state, descriptor, F_GETFL, 0));
        int wanted = (int) flags | O_NONBLOCK;
        long ignored =
                Native.check("fcntl(F_SETFL)", (state, arena) -> (int) Native.FCNTL.invokeExact(state, descriptor, F_SETFL, wanted));
    }

    /**
     * Waits until a descriptor can be read, has ended, or the time is over.
     *
     * @return false when the time is over
     */
    public static boolean awaitReadable(int descriptor, Duration atMost) throws PosixException {
        long count =
                Native.check(
                        "poll",
                        (state, arena) -> {
                            MemorySegment request = arena.allocate(8, 4);
                            request.set(ValueLayout.JAVA_INT, 0, descriptor);
                            request.set(ValueLayout.JAVA_SHORT, 4, POLLIN);
                            int millis = (int) Math.min(Integer.MAX_VALUE, atMost.toMillis());
                            return (int) Native.POLL.invokeExact(state, request, 1L, millis);
                        });
        return count > 0;
    }

    /**
     * What a symlink says, byte by byte: Java's strings lose what is no text.
     *
     * @param path of the link, as the kernel has it
     */
    public static byte[] readLink(byte[] path) throws PosixException {
        byte[][] target = new byte[1][];
        long ignored =
                Native.check(
                        "readlink",
                        (state, arena) -> {
                            MemorySegment room = arena.allocate(PATH_MAX);
                            long length = (long) Native.READLINK.invokeExact(state, cString(arena, path), room, (long) PATH_MAX);
                            if (length >= 0) {
                                target[0] = room.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
                            }
                            return length;
                        });
        return target[0];
    }

    /** Makes a symlink from bytes; see {@link #readLink}. */
    public static void makeLink(byte[] target, byte[] path) throws PosixException {
        long ignored = Native.check("symlink", (state, arena) -> (int) Native.SYMLINK.invokeExact(state, cString(arena, target), cString(arena, path)));
    }

    /**
     * Makes a file longer or shorter; what is new of it is a hole.
     *
     * @param path as the kernel has it; a symlink is followed
     */
    public static void setLength(byte[] path, long length) throws PosixException {
        long ignored = Native.check("truncate " + new String(path, StandardCharsets.UTF_8), (state, arena) -> (int) Native.TRUNCATE.invokeExact(state, cString(arena, path), length));
    }

    private static MemorySegment cString(SegmentAllocator arena, byte[] bytes) {
        MemorySegment string = arena.allocate(bytes.length + 1L);
        MemorySegment.copy(bytes, 0, string, ValueLayout.JAVA_BYTE, 0, bytes.length);
        return string;
    }

    /** Makes a character device's node that everybody may read and write, in a folder that a job may be writing to meanwhile. */
    public static void makeDevice(Path path, int major, int minor) throws IOException {
        long number = (long) minor & 0xff | ((long) major & 0xfff) << 8 | ((long) minor & ~0xffL) << 12;
        long ignored = Native.check("mknod " + path, (state, arena) -> (int) Native.MKNOD.invokeExact(state, arena.allocateFrom(path.toString()), CHARACTER_DEVICE, number));
        openToAll(path, number);
    }

    /**
     * The mode of a device's node; mknod's own is cut by the umask.
     *
     * @throws PosixException ELOOP, EACCES: something else lies there by now
     */
    static void openToAll(Path path, long device) throws IOException {
        // A descriptor that only names what is there: a job may have put a link to a file of the machine in the node's place.
        int descriptor = LIBC.open(path.toString(), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
        if (descriptor < 0) {
            throw new PosixException("open " + path, LIBC.errno());
        }
        try {
            Path itself = Path.of("/proc/self/fd/" + descriptor);
            boolean link = LIBC.fstat(descriptor).isSymlink();
            if (link || !(Files.getAttribute(itself, "unix:rdev") instanceof Long found) || found != device) {
                throw new PosixException("mknod " + path + ", which has been exchanged meanwhile", EACCES);
            }
            if (LIBC.chmod(itself.toString(), 0666) < 0) {
                throw new PosixException("chmod " + path, LIBC.errno());
            }
        } finally {
            int ignored = LIBC.close(descriptor);
        }
    }

    /**
     * Sends a signal to a process of the host's PID namespace; one that is gone is not an error. Numbers that mean whole groups
     * are nobody: the kernel lists a process that is just being released as 0 in cgroup.procs, and 0 would be our own group,
     * with the daemon and whoever started it.
     */
    public static void kill(int pid, int signal) throws PosixException {
        if (pid <= 0) {
            return;
        }
        if (LIBC.kill(pid, signal) < 0) {
            PosixException failed = new PosixException("kill " + pid, LIBC.errno());
            if (!failed.noSuchProcess()) {
                throw failed;
            }
        }
    }

    /**
     * Waits until a process is gone, also one that is not our child.
     *
     * @return false when the time is over and it still lives
     */
    public static boolean awaitDeath(int pid, Duration atMost) throws PosixException {
        int descriptor;
        try {
            descriptor = pidfd(pid);
        } catch (PosixException failed) {
            if (failed.noSuchProcess()) {
                return true;
            }
            throw failed;
        }
        try {
            return awaitReadable(descriptor, atMost);
        } finally {
            close(descriptor);
        }
    }

    private static int pidfd(int pid) throws PosixException {
        return (int) Native.check("pidfd_open", (state, arena) -> (long) Native.PIDFD_OPEN.invokeExact(state, SYS_PIDFD_OPEN, pid, 0));
    }

    /**
     * Switches TCP's repair mode off on a socket of another process. A checkpoint that died in its middle
     * leaves it on, and every receive fails with EPERM then.
     *
     * @return whether it was on
     */
    public static boolean endTcpRepair(int pid, int descriptor) throws PosixException {
        int process = pidfd(pid);
        try {
            int socket =
                    (int) Native.check("pidfd_getfd", (state, arena) -> (long) Native.PIDFD_GETFD.invokeExact(state, SYS_PIDFD_GETFD, process, descriptor, 0));
            try {
                return endTcpRepair(socket);
            } finally {
                close(socket);
            }
        } finally {
            close(process);
        }
    }

    private static boolean endTcpRepair(int socket) throws PosixException {
        boolean[] on = new boolean[1];
        try {
            long asked =
                    Native.check(
                            "getsockopt(TCP_REPAIR)",
                            (state, arena) -> {
                                MemorySegment value = arena.allocate(ValueLayout.JAVA_INT);
                                MemorySegment length = arena.allocateFrom(ValueLayout.JAVA_INT, Integer.BYTES);
                                int result = (int) Native.GETSOCKOPT.invokeExact(state, socket, IPPROTO_TCP, TCP_REPAIR, value, length);
                                on[0] = value.get(ValueLayout.JAVA_INT, 0) == 1;
                                return result;
                            });
        } catch (PosixException notTcp) {
            return false;
        }
        if (on[0]) {
            long ended =
                    Native.check(
                            "setsockopt(TCP_REPAIR)",
                            (state, arena) ->
                                    (int) Native.SETSOCKOPT.invokeExact(
                                            state, socket, IPPROTO_TCP, TCP_REPAIR, arena.allocateFrom(ValueLayout.JAVA_INT, 0), Integer.BYTES));
        }
        return on[0];
    }

    /**
     * When a process began, in clock ticks since boot: together with the pid and the boot id it names
     * one process for ever. Empty: there is no such process, or it is dead and only waits to be reaped.
     */
    public static OptionalLong startTime(int pid) throws IOException {
        Path file = Path.of("/proc", Integer.toString(pid), "stat");
        String stat;
        try {
            // A program calls itself what it likes, in any bytes.
            stat = Files.readString(file, StandardCharsets.ISO_8859_1);
        } catch (NoSuchFileException gone) {
            return OptionalLong.empty();
        } catch (IOException failed) {
            // ESRCH on read when it died between open and read. Anything else, as a want of descriptors, says nothing of the process: who takes it for dead ends what lives.
            if (Files.notExists(file)) {
                return OptionalLong.empty();
            }
            throw failed;
        }
        // The name in parentheses may hold spaces; fields are counted after it.
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        if (fields[0].equals("Z") || fields[0].equals("X")) {
            return OptionalLong.empty();
        }
        return OptionalLong.of(Long.parseLong(fields[START_TIME_FIELD_AFTER_NAME]));
    }

    /** CLOCK_BOOTTIME in nanoseconds: never set, and goes on while the machine is suspended. */
    public static long bootNanos() throws PosixException {
        long[] nanos = new long[1];
        long ignored =
                Native.check(
                        "clock_gettime(CLOCK_BOOTTIME)",
                        (state, arena) -> {
                            MemorySegment time = arena.allocate(ValueLayout.JAVA_LONG, 2);
                            int result = (int) Native.CLOCK_GETTIME.invokeExact(state, CLOCK_BOOTTIME, time);
                            nanos[0] = time.getAtIndex(ValueLayout.JAVA_LONG, 0) * 1_000_000_000L + time.getAtIndex(ValueLayout.JAVA_LONG, 1);
                            return result;
                        });
        return nanos[0];
    }

    /** Names this boot of the machine: a pid from another boot means nothing. */
    public static String bootId() throws IOException {
        String known = bootId;
        if (known.isEmpty()) {
            known = Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).trim();
            bootId = known;
        }
        return known;
    }

    /** How many ranges {@link #readMemory} takes at a time. */
    public static final int MOST_RANGES = 512;

    /** A range of another process's addresses. */
    public record Range(long address, int length) {}

    /**
     * Reads memory of another process into a direct buffer from its position, and moves the position. A range that is no longer
     * there ends the reading early.
     *
     * @throws PosixException ESRCH: there is no such process; EPERM
     */
    public static void readMemory(int pid, List<Range> ranges, ByteBuffer into) throws PosixException {
        long all = ranges.stream().mapToLong(Range::length).sum();
        long read;
        try {
            read =
                    Native.check(
                            "process_vm_readv " + pid,
                            (state, arena) -> {
                                MemorySegment local = arena.allocate(VECTOR, 8);
                                local.set(ValueLayout.ADDRESS, 0, MemorySegment.ofBuffer(into));
                                local.set(ValueLayout.JAVA_LONG, 8, all);
                                MemorySegment remote = arena.allocate((long) VECTOR * ranges.size(), 8);
                                for (int i = 0; i < ranges.size(); i++) {
                                    remote.set(ValueLayout.JAVA_LONG, (long) VECTOR * i, ranges.get(i).address());
                                    remote.set(ValueLayout.JAVA_LONG, (long) VECTOR * i + 8, ranges.get(i).length());
                                }
                                return (long) Native.PROCESS_VM_READV.invokeExact(state, pid, local, 1L, remote, (long) ranges.size(), 0L);
                            });
        } catch (PosixException failed) {
            if (!failed.is(Errno.EFAULT)) {
                throw failed;
            }
            read = 0;
        }
        into.position(into.position() + (int) read);
    }

    /** Lets the calling thread go behind all others of this process and of its children; the kernel's refusal is no error. */
    public static void goBehind(int niceness) {
        // Linux: of PRIO_PROCESS 0 is the calling thread, not the process.
        int ignored = LIBC.setpriority(PRIO_PROCESS, 0, niceness);
    }

    public static void makeFifo(Path path, int mode) throws PosixException {
        if (LIBC.mkfifo(path.toString(), mode) < 0) {
            throw new PosixException("mkfifo " + path, LIBC.errno());
        }
    }
}
