package dev.ferry.node.posix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Descriptors that another process sends. */
class DescriptorSocketTest {
    private static final Duration SOON = Duration.ofSeconds(20);
    private static final int MANY = 3000;

    @TempDir Path folder;

    /** Runs a few lines of Python with a socket {@code s} that is connected to ours. */
    private DescriptorSocket peer(DescriptorSocket listener, Path path, String lines) throws Exception {
        String program = "import socket, os, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n" + lines;
        Process ignored = new ProcessBuilder("python3", "-c", program, path.toString()).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.INHERIT).start();
        return java.util.Objects.requireNonNull(listener.accept(SOON));
    }

    @Test
    void aDescriptorIsTheOneThatWasSent() throws Exception {
        Path content = Files.writeString(folder.resolve("content"), "hello");
        Path path = folder.resolve("socket");
        try (DescriptorSocket listener = DescriptorSocket.listen(path);
                DescriptorSocket socket = peer(listener, path, "socket.send_fds(s, [b'x'], [os.open('" + content + "', os.O_RDONLY)])\ns.send(b'after')\n")) {
            int received = socket.receiveDescriptor();
            ByteBuffer bytes = ByteBuffer.allocateDirect(5);
            assertThat(Posix.read(received, bytes)).isEqualTo(5);
            Posix.close(received);
            assertThat(StandardCharsets.UTF_8.decode(bytes.flip()).toString()).isEqualTo("hello");
            // Not one byte of what follows was swallowed.
            assertThat(socket.readFully(bytes.clear())).isTrue();
            assertThat(StandardCharsets.UTF_8.decode(bytes.flip()).toString()).isEqualTo("after");
        }
    }

    @Test
    void aByteWithoutADescriptorIsRefused() throws Exception {
        Path path = folder.resolve("socket");
        try (DescriptorSocket listener = DescriptorSocket.listen(path);
                DescriptorSocket socket = peer(listener, path, "s.send(b'x')\ns.recv(1)\n")) {
            assertThatThrownBy(socket::receiveDescriptor).isInstanceOf(PosixException.class).hasMessageContaining("no descriptor");
        }
    }

    @Test
    void moreThanOneDescriptorIsRefusedAndNoneIsKept() throws Exception {
        Path path = folder.resolve("socket");
        try (DescriptorSocket listener = DescriptorSocket.listen(path);
                DescriptorSocket socket = peer(listener, path, "socket.send_fds(s, [b'x'], [0, 0, 0])\ns.recv(1)\n")) {
            long before = descriptors();
            assertThatThrownBy(socket::receiveDescriptor).isInstanceOf(PosixException.class);
            assertThat(descriptors()).isLessThanOrEqualTo(before);
        }
    }

    /** The number of a closed socket is soon another's. */
    @Test
    void shutdownOfAClosedSocketDoesNotMeetAnother() throws Exception {
        Path path = folder.resolve("socket");
        try (DescriptorSocket listener = DescriptorSocket.listen(path)) {
            DescriptorSocket closed = peer(listener, path, "s.recv(1)\n");
            closed.close();
            try (DescriptorSocket next = peer(listener, path, "s.recv(1)\ns.send(b'y')\n")) {
                closed.shutdown();
                next.write(ByteBuffer.allocateDirect(1));
                assertThat(next.readFully(ByteBuffer.allocateDirect(1))).isTrue();
            }
        }
    }

    @Test
    void whatIsEmptiedIsAtItsEndAndTheOtherSideIsTold() throws Exception {
        Path path = folder.resolve("socket");
        String lines = "r, w = os.pipe()\nsocket.send_fds(s, [b'x'], [r])\nos.close(r)\ns.recv(1)\ntry:\n os.write(w, b'z')\nexcept BrokenPipeError: s.send(b'b')\n";
        try (DescriptorSocket listener = DescriptorSocket.listen(path);
                DescriptorSocket socket = peer(listener, path, lines)) {
            int pipe = socket.receiveDescriptor();
            Posix.empty(pipe);
            assertThat(Posix.read(pipe, ByteBuffer.allocateDirect(1))).isZero();
            socket.write(ByteBuffer.allocateDirect(1));
            ByteBuffer answer = ByteBuffer.allocateDirect(1);
            assertThat(socket.readFully(answer)).isTrue();
            assertThat(answer.get(0)).isEqualTo((byte) 'b');
            Posix.close(pipe);
        }
    }

    private static long descriptors() throws Exception {
        try (var all = Files.list(Path.of("/proc/self/fd"))) {
            return all.count();
        }
    }

    /** What the kernel writes to must be there as long as it may write: a daemon died of this when it brought back 256 processes. */
    @Test
    void garbageIsCollectedWhileManyDescriptorsCome() throws Exception {
        Path path = folder.resolve("socket");
        AtomicBoolean ended = new AtomicBoolean();
        Thread collector =
                Thread.ofPlatform()
                        .daemon()
                        .start(
                                () -> {
                                    while (!ended.get()) {
                                        System.gc();
                                    }
                                });
        try (DescriptorSocket listener = DescriptorSocket.listen(path);
                DescriptorSocket socket = peer(listener, path, "fd = os.open('/dev/null', os.O_RDONLY)\nfor i in range(" + MANY + "): socket.send_fds(s, [b'x'], [fd])\n")) {
            for (int i = 0; i < MANY; i++) {
                int received = socket.receiveDescriptor();
                assertThat(received).isPositive();
                Posix.close(received);
            }
        } finally {
            ended.set(true);
            collector.join();
        }
    }
}
