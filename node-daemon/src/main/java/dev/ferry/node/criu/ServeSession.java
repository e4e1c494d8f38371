package dev.ferry.node.criu;

import dev.ferry.node.posix.DescriptorSocket;
import dev.ferry.node.posix.Posix;
import dev.ferry.node.posix.PosixException;
import dev.ferry.proto.v1.StoredFile;
import dev.ferry.storage.ByteSource;
import dev.ferry.storage.ImageReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/** Gives CRIU an image's files as it asks for them, in any order, more than once, all at a time. */
final class ServeSession extends StreamerSession {
    private static final int PIPE_BYTES = 1 << 20;

    private final ImageReader image;
    private final AtomicLong bytes = new AtomicLong();

    ServeSession(Path folder, ImageReader image) throws IOException {
        super(folder.resolve(StreamerProtocol.SERVE_SOCKET), "criu serve");
        this.image = image;
    }

    long bytes() {
        return bytes.get();
    }

    @Override
    void handle(DescriptorSocket socket, String name) throws IOException {
        Optional<StoredFile> file = image.file(name);
        StreamerProtocol.writeExists(socket, file.isPresent());
        if (file.isEmpty()) {
            return;
        }
        int pipe = receive(socket);
        if (name.startsWith("pages-")) {
            Posix.growPipe(pipe, PIPE_BYTES);
        }
        carry(pipe, name, descriptor -> feed(descriptor, file.get()));
    }

    private void feed(int pipe, StoredFile file) throws PosixException {
        try (ByteSource source = image.open(file.getChunks())) {
            ByteBuffer next;
            while ((next = source.next()) != null) {
                bytes.addAndGet(next.remaining());
                Posix.write(pipe, next);
            }
        } catch (PosixException closed) {
            // CRIU reads some files only in part.
            if (!closed.brokenPipe()) {
                throw closed;
            }
        }
    }
}
