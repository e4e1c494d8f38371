package dev.ferry.node.criu;

import dev.ferry.node.posix.DescriptorSocket;
import dev.ferry.node.posix.Posix;
import dev.ferry.node.posix.PosixException;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ImageWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Takes a dump's files from CRIU's pipes into an image. The pipe is emptied as fast as buffers are
 * free; no buffer is held while its pipe is empty, so that any number of open pipes can't use up the
 * pool and stop each other.
 */
final class CaptureSession extends StreamerSession {
    private static final int PIPE_BYTES = 1 << 20;
    private static final Duration LOOK = Duration.ofMillis(500);
    private static final Duration LINGER = Duration.ofMillis(2);

    private final ImageWriter image;

    CaptureSession(Path folder, ImageWriter image) throws IOException {
        super(folder.resolve(StreamerProtocol.CAPTURE_SOCKET), "criu capture");
        this.image = image;
    }

    @Override
    void handle(DescriptorSocket socket, String name) throws IOException {
        int pipe = receive(socket);
        // Only memory is worth a large pipe: the kernel allows a user 64 MiB of pipes in all.
        if (name.startsWith("pages-")) {
            Posix.growPipe(pipe, PIPE_BYTES);
        }
        Posix.setNonBlocking(pipe);
        ByteSink sink = image.file(name);
        carry(pipe, name, descriptor -> drain(descriptor, sink));
    }

    private void drain(int pipe, ByteSink sink) throws PosixException, InterruptedException {
        BufferPool pool = image.buffers();
        boolean ended = false;
        while (!ended) {
            if (!Posix.awaitReadable(pipe, LOOK)) {
                continue;
            }
            ByteBuffer buffer = image.take();
            try {
                ended = fill(pipe, buffer);
            } catch (PosixException | RuntimeException failed) {
                pool.give(buffer);
                throw failed;
            }
            if (buffer.flip().hasRemaining()) {
                sink.write(buffer);
            } else {
                pool.give(buffer);
            }
        }
        sink.close();
    }

    /** Fills a buffer until it is full, the pipe stays empty for a moment, or the pipe has ended. */
    private static boolean fill(int pipe, ByteBuffer buffer) throws PosixException {
        while (buffer.hasRemaining()) {
            try {
                if (Posix.read(pipe, buffer) == 0) {
                    return true;
                }
            } catch (PosixException empty) {
                if (!empty.wouldBlock()) {
                    throw empty;
                }
                if (!Posix.awaitReadable(pipe, LINGER)) {
                    return false;
                }
            }
        }
        return false;
    }
}
