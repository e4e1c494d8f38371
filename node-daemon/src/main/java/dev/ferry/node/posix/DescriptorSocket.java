package dev.ferry.node.posix;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import jnr.posix.CmsgHdr;
import jnr.posix.MsgHdr;
import org.jspecify.annotations.Nullable;

/** A unix stream socket over which the other side may send descriptors. */
public final class DescriptorSocket implements AutoCloseable {
    private static final int AF_UNIX = 1;
    private static final int SOCK_STREAM_CLOEXEC = 1 | 0x80000;
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int MSG_CMSG_CLOEXEC = 0x40000000;
    private static final int SHUT_RDWR = 2;
    private static final int LONGEST_PATH = 107;

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
                throw new PosixException("read: the other side closed within a message", 71);
            }
        }
        return true;
    }

    public void write(ByteBuffer from) throws PosixException {
        Posix.write(descriptor, from);
    }

    /** Receives one byte with one descriptor, which the caller closes. */
    public int receiveDescriptor() throws PosixException {
        // Exactly one byte: more would swallow the next request's length.
        ByteBuffer single = ByteBuffer.allocateDirect(1);
        MsgHdr message = Posix.libc().allocateMsgHdr();
        message.setIov(new ByteBuffer[] {single});
        CmsgHdr control = message.allocateControl(4);
        int count = Posix.libc().recvmsg(descriptor, message, MSG_CMSG_CLOEXEC);
        if (count < 0) {
            throw new PosixException("recvmsg", Posix.libc().errno());
        }
        ByteBuffer received = control.getData();
        if (count == 0 || received == null || received.remaining() < 4) {
            throw new PosixException("recvmsg: no descriptor came", 71);
        }
        return received.order(ByteOrder.nativeOrder()).getInt();
    }

    /** Ends both directions: a thread that waits on this socket wakes up. */
    public void shutdown() {
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
