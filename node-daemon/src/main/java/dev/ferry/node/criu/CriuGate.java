package dev.ferry.node.criu;

import dev.ferry.node.posix.DescriptorSocket;
import dev.ferry.node.posix.PosixException;
import dev.ferry.node.sandbox.ToolProcess;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Where a criu waits that has started and has not touched anything yet: its start and its look at the kernel (some 50 ms) are no part of the freeze then, nor of the wait for a restore.
 * ferry-network, which criu calls before its first act, connects here and waits for one byte. If the connection ends without it, criu ends with an error: so it does when the daemon dies.
 */
final class CriuGate implements AutoCloseable {
    private static final String SOCKET = "gate.sock";
    private static final Duration LOOK = Duration.ofMillis(100);

    private final Path file;
    private final DescriptorSocket listener;
    private @Nullable DescriptorSocket waiting;

    private CriuGate(Path file, DescriptorSocket listener) {
        this.file = file;
        this.listener = listener;
    }

    /**
     * @param runFolder where ferry-network lies too
     */
    static CriuGate in(Path runFolder) throws IOException {
        Path file = runFolder.resolve(SOCKET);
        Files.deleteIfExists(file);
        return new CriuGate(file, DescriptorSocket.listen(file));
    }

    /**
     * Waits until criu stands at the gate.
     *
     * @return false: it has ended, or the time is over
     */
    boolean awaitReady(ToolProcess criu, Duration atMost) throws IOException {
        long end = System.nanoTime() + atMost.toNanos();
        while (waiting == null && criu.isAlive() && System.nanoTime() < end) {
            waiting = listener.accept(LOOK);
        }
        return waiting != null;
    }

    /** Lets the criu that stands here go on; the socket's file is gone from then on. One that was killed meanwhile is told by its status. */
    void open() throws IOException {
        if (waiting == null) {
            throw new IllegalStateException("nobody stands at the gate");
        }
        Files.deleteIfExists(file);
        try {
            waiting.write(ByteBuffer.allocateDirect(1));
        } catch (PosixException gone) {
            if (!gone.brokenPipe()) {
                throw gone;
            }
        }
    }

    /** Sends away whoever still stands here. */
    @Override
    public void close() throws IOException {
        if (waiting != null) {
            waiting.close();
        }
        listener.close();
        Files.deleteIfExists(file);
    }
}
