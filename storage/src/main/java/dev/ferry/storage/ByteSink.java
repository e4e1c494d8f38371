package dev.ferry.storage;

import java.nio.ByteBuffer;

/** One run of bytes on its way into an image. Used by one thread. */
public interface ByteSink extends AutoCloseable {
    /**
     * Takes over a buffer of the writer's pool, from position to limit; the sink gives it back.
     *
     * @throws dev.ferry.common.FerryException when the image can't be written any more (store
     *     unreachable, full); the buffer is given back also then
     */
    void write(ByteBuffer owned);

    /**
     * The next bytes are zeros, which nobody has to read: the image is the one that it would be if they were written, but they take
     * next to no time and a piece of its list for each GiB.
     *
     * @param bytes at least 1
     * @throws dev.ferry.common.FerryException as {@link #write}
     */
    void zeros(long bytes);

    /** The run is whole. Without it the image can't be committed. */
    @Override
    void close();
}
