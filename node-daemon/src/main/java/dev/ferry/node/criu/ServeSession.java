package dev.ferry.node.criu;

import dev.ferry.node.posix.DescriptorSocket;
import dev.ferry.node.posix.Posix;
import dev.ferry.node.posix.PosixException;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.StoredFile;
import dev.ferry.storage.ByteSource;
import dev.ferry.storage.ImageReader;
import dev.ferry.storage.plain.PlainImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** Gives CRIU an image's files as it asks for them, in any order, more than once, all at a time. */
final class ServeSession extends StreamerSession {
    private static final int PIPE_BYTES = 1 << 20;
    private static final int PIECE_BYTES = 256 << 10;

    /** Criu, which may be started before there is one, waits for it at its first question. */
    private final CompletableFuture<ImageReader> image = new CompletableFuture<>();
    private final Map<String, byte[]> instead;
    private final Set<String> withheld;
    private final Optional<HugePages> huge;
    private final Optional<MemoryAhead> ahead;
    private final AtomicLong bytes = new AtomicLong();

    /**
     * @param huge what must know the processes' mappings before CRIU does
     */
    ServeSession(Path folder, ImageReader image, Optional<HugePages> huge) throws IOException {
        this(folder, image, Map.of(), Set.of(), huge, Optional.empty());
    }

    /** For an image that is not there yet, which {@link #serves} brings. */
    ServeSession(Path folder, HugePages huge, MemoryAhead ahead) throws IOException {
        this(folder, null, Map.of(), Set.of(), Optional.of(huge), Optional.of(ahead));
    }

    /**
     * @param instead what CRIU gets in the place of some of the image's files, by their names
     * @param withheld names of files that are not there for CRIU
     */
    ServeSession(Path folder, ImageReader image, Map<String, byte[]> instead, Set<String> withheld) throws IOException {
        this(folder, image, instead, withheld, Optional.empty(), Optional.empty());
    }

    private ServeSession(Path folder, @Nullable ImageReader image, Map<String, byte[]> instead, Set<String> withheld, Optional<HugePages> huge, Optional<MemoryAhead> ahead)
            throws IOException {
        super(folder.resolve(StreamerProtocol.SERVE_SOCKET), "criu serve");
        if (image != null) {
            this.image.complete(image);
        }
        this.instead = Map.copyOf(instead);
        this.withheld = Set.copyOf(withheld);
        this.huge = huge;
        this.ahead = ahead;
    }

    void serves(ImageReader reader) {
        ahead.ifPresent(memory -> memory.restores(reader));
        image.complete(reader);
    }

    private ImageReader image() {
        return image.join();
    }

    /** Of memory that was there before. */
    long keptBytes() {
        return ahead.map(MemoryAhead::keptBytes).orElse(0L);
    }

    @Override
    public void close() throws IOException {
        image.completeExceptionally(new CancellationException("there will be no image"));
        super.close();
    }

    long bytes() {
        return bytes.get();
    }

    @Override
    void handle(DescriptorSocket socket, String name) throws IOException {
        Optional<StoredFile> file = withheld.contains(name) ? Optional.empty() : image().file(name);
        StreamerProtocol.writeExists(socket, file.isPresent());
        if (file.isEmpty()) {
            return;
        }
        int pipe = receive(socket);
        if (name.startsWith("pages-")) {
            Posix.growPipe(pipe, PIPE_BYTES);
        }
        byte[] changed = instead.get(name);
        carry(pipe, name, descriptor -> {
            if (changed != null) {
                feed(descriptor, changed);
            } else if (huge.isPresent() && HugePages.isAsked(name) && file.get().getSize() <= HugePages.MOST_BYTES) {
                feed(descriptor, huge.get().pass(name, new PlainImage(image()).read(name)));
            } else {
                feed(descriptor, ahead.flatMap(memory -> memory.rest(name)).orElse(file.get().getChunks()));
            }
        });
    }

    private void feed(int pipe, byte[] content) throws PosixException {
        try {
            bytes.addAndGet(content.length);
            ByteBuffer piece = ByteBuffer.allocateDirect(Math.min(content.length, PIECE_BYTES));
            for (int at = 0; at < content.length; at += piece.capacity()) {
                Posix.write(pipe, piece.clear().put(content, at, Math.min(piece.capacity(), content.length - at)).flip());
            }
        } catch (PosixException closed) {
            if (!closed.brokenPipe()) {
                throw closed;
            }
        }
    }

    private void feed(int pipe, ChunkList chunks) throws PosixException {
        try (ByteSource source = image().open(chunks)) {
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
