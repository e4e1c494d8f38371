package dev.ferry.storage;

import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.StoredFile;
import java.util.Optional;

/** A whole image. Every chunk is verified before a byte of it is given out. Safe for threads. */
public interface ImageReader extends AutoCloseable {
    Manifest manifest();

    Optional<StoredFile> file(String name);

    /** Begins to fetch CRIU's files in the order in which it asked for them when the job came back last; {@link #open} goes on where that is. */
    void prefetch();

    /** Reads a run of bytes in order, with chunks fetched ahead as the window of memory allows. */
    ByteSource open(ChunkList chunks);

    /** From where its chunks came so far. */
    Origins origins();

    /**
     * From where chunks came, in bytes as they are stored.
     *
     * @param cache this node's own
     * @param peer the node that was asked before the store
     */
    record Origins(long cache, long peer, long store) {}

    @Override
    void close();
}
