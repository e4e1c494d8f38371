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

    @Override
    void close();
}
