package dev.ferry.node.posix;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** A unix stream socket over which the other side may send descriptors. */
public final class DescriptorSocket implements AutoCloseable {
    private static final int AF_UNIX = 1;
    private static final int SOCK_STREAM_CLOEXEC = 1 | 0x80000;
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int MSG_CMSG_CLOEXEC = 0x40000000;
    private static final int SHUT_RDWR = 2;
    private static final int LONGEST_PATH = 107;
    private static final int SOL_SOCKET = 1;
    private static final int SCM_RIGHTS = 1;
    private static final int MSG_CTRUNC = 8;
    private static final int EPROTO = 71;
    /** struct msghdr of 64-bit Linux: name, its length, vector, its length, control, its length, flags. */
    private static final long MESSAGE_BYTES = 56;

    private static final long MESSAGE_VECTOR = 16;
    private static final long MESSAGE_CONTROL = 32;
    private static final long MESSAGE_FLAGS = 48;
    private static final long CONTROL_HEAD = 16;
    /** Room for one descriptor, rounded up as the kernel does: it has room for two. */
    private static final long CONTROL_BYTES = 24;

    private final int descriptor;
    private boolean closed;

    private DescriptorSocket(int descriptor) {
        this.descriptor = descriptor;
    }

    /**
     * Listens at a path for one connection.
     *
     * @throws PosixException also when the path is longer than the kernel's 107 bytes
     */
    public static DescriptorSocket listen(Path path) throws PosixException {
        byte[] name = path.toString().getBytes(StandardCharsets.UTF_8);
        if (name.length > LONGEST_PATH) {
            throw new PosixException("bind " + path + " (longer than " + LONGEST_PATH + " bytes)", 36);
        }
        DescriptorSocket socket =
                new DescriptorSocket(
                        (int) Native.check("socket", (state, arena) -> (int) Native.SOCKET.invokeExact(state, AF_UNIX, SOCK_STREAM_CLOEXEC, 0)));
        try {
            long bound =
                    Native.check(
                            "bind " + path,
                            (state, arena) -> {
                                MemorySegment address = arena.allocate(110, 2);
                                address.set(ValueLayout.JAVA_SHORT, 0, (short) AF_UNIX);
                                MemorySegment.copy(name, 0, address, ValueLayout.JAVA_BYTE, 2, name.length);
                                return (int) Native.BIND.invokeExact(state, socket.descriptor, address, 110);
                            });
            long listening =
                    Native.check("listen", (state, arena) -> (int) Native.LISTEN.invokeExact(state, socket.descriptor, 4));
            return socket;
        } catch (PosixException failed) {
            socket.close();
            throw failed;
        }
    }

    /** The next connection, or null when none came in time. */
    public @Nullable DescriptorSocket accept(Duration atMost) throws PosixException {
        if (!Posix.awaitReadable(descriptor, atMost)) {
            return null;
        }
        return new DescriptorSocket(
                (int)
                        Native.check(
                                "accept",
                                (state, arena) ->
                                        (int) Native.ACCEPT.invokeExact(state, descriptor, MemorySegment.NULL, MemorySegment.NULL, SOCK_CLOEXEC)));
    }

    /**
     * Fills a direct buffer.
     *
     * @return false when the other side closed before the first byte
     * @throws PosixException also when it closed in the middle
     */
    public boolean readFully(ByteBuffer into) throws PosixException {
        int start = into.position();
        while (into.hasRemaining()) {
            if (Posix.read(descriptor, into) == 0) {
                if (into.position() == start) {
                    return false;
                }
                throw new PosixException("read: the other side closed within a message", EPROTO);
            }
        }
        return true;
    }

    public void write(ByteBuffer from) throws PosixException {
        Posix.write(descriptor, from);
    }

    /**
     * Receives one byte with one descriptor, which the caller closes.
     *
     * @throws PosixException also when none came, or more than one, of which none is kept
     */
    public int receiveDescriptor() throws PosixException {
        // All that the kernel writes to is in the call's own arena: a collector must not free it meanwhile.
        return (int)
                Native.check(
                        "recvmsg",
                        (state, arena) -> {
                            MemorySegment control = arena.allocate(CONTROL_BYTES, Long.BYTES);
                            MemorySegment message = oneByte(arena);
                            message.set(ValueLayout.ADDRESS, MESSAGE_CONTROL, control);
                            message.set(ValueLayout.JAVA_LONG, MESSAGE_CONTROL + Long.BYTES, control.byteSize());
                            long count = (long) Native.RECVMSG.invokeExact(state, descriptor, message, MSG_CMSG_CLOEXEC);
                            return count < 0 ? count : descriptor(message, control, count);
                        });
    }

    /** struct msghdr with one byte of room. Exactly one: more would swallow the next request's length. */
    private static MemorySegment oneByte(Arena arena) {
        MemorySegment vector = arena.allocate(ValueLayout.JAVA_LONG, 2);
        vector.set(ValueLayout.ADDRESS, 0, arena.allocate(1));
        vector.set(ValueLayout.JAVA_LONG, Long.BYTES, 1);
        MemorySegment message = arena.allocate(MESSAGE_BYTES, Long.BYTES);
        message.set(ValueLayout.ADDRESS, MESSAGE_VECTOR, vector);
        message.set(ValueLayout.JAVA_LONG, MESSAGE_VECTOR + Long.BYTES, 1);
        return message;
    }

    /** The one descriptor in a struct cmsghdr: its length with the descriptors behind it, level, type, descriptors. */
    private static int descriptor(MemorySegment message, MemorySegment control, long count) throws PosixException {
        long filled = message.get(ValueLayout.JAVA_LONG, MESSAGE_CONTROL + Long.BYTES);
        long length = filled < CONTROL_HEAD ? 0 : control.get(ValueLayout.JAVA_LONG, 0);
        boolean rights = length > CONTROL_HEAD && control.get(ValueLayout.JAVA_INT, Long.BYTES) == SOL_SOCKET && control.get(ValueLayout.JAVA_INT, Long.BYTES + Integer.BYTES) == SCM_RIGHTS;
        int[] received = rights ? control.asSlice(CONTROL_HEAD, Math.min(length, filled) - CONTROL_HEAD).toArray(ValueLayout.JAVA_INT) : new int[0];
        boolean cut = (message.get(ValueLayout.JAVA_INT, MESSAGE_FLAGS) & MSG_CTRUNC) != 0;
        if (count == 1 && received.length == 1 && !cut) {
            return received[0];
        }
        for (int extra : received) {
            Posix.close(extra);
        }
        throw new PosixException("recvmsg: " + (received.length == 0 && !cut ? "no descriptor came" : "more than one descriptor came"), EPROTO);
    }

    /** Ends both directions: a thread that waits on this socket wakes up. Nothing is done to one that is closed: its number may be another's by now. */
    public synchronized void shutdown() {
        if (closed) {
            return;
        }
        try {
            long ignored = Native.check("shutdown", (state, arena) -> (int) Native.SHUTDOWN.invokeExact(state, descriptor, SHUT_RDWR));
        } catch (PosixException alreadyGone) {
            // The other side was faster.
        }
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            Posix.close(descriptor);
        }
    }
}
