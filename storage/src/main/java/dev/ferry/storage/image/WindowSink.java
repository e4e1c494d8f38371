package dev.ferry.storage.image;

import dev.ferry.storage.ByteSink;
import dev.ferry.storage.Images;
import java.nio.ByteBuffer;

/**
 * Cuts one run of bytes into windows at multiples of the window's length. A full buffer at a window's
 * begin is passed on as it is; what does not fill a window waits on the heap, never in a buffer of the
 * pool: any number of runs may be open at once without using the pool up.
 */
final class WindowSink implements ByteSink {
    private static final int WINDOW = Images.WINDOW_BYTES;
    private static final int SMALL = 4096;

    private final StoredImageWriter writer;
    private final ChunkRun run;
    private byte[] rest = new byte[0];
    private int restBytes;
    private boolean closed;

    WindowSink(StoredImageWriter writer, ChunkRun run) {
        this.writer = writer;
        this.run = run;
    }

    @Override
    public void write(ByteBuffer owned) {
        try {
            writer.check();
        } catch (RuntimeException failed) {
            writer.buffers().give(owned);
            throw failed;
        }
        if (restBytes == 0 && owned.remaining() == WINDOW) {
            writer.submit(run, owned, true);
        } else if (restBytes + owned.remaining() < WINDOW) {
            keep(owned);
            writer.buffers().give(owned);
        } else {
            fillWindow(owned);
        }
    }

    /** What waits and the begin of the buffer make a window, in the buffer's own memory; its end waits then. */
    private void fillWindow(ByteBuffer owned) {
        int fromOwned = WINDOW - restBytes;
        byte[] tail = new byte[owned.remaining() - fromOwned];
        owned.get(owned.position() + fromOwned, tail);
        ByteBuffer begin = owned.duplicate().limit(owned.position() + fromOwned);
        ByteBuffer target = owned.duplicate().clear().position(restBytes);
        // Source and target overlap; put copies as if through a buffer between them.
        target.put(begin);
        owned.clear().put(rest, 0, restBytes).clear().limit(WINDOW);
        restBytes = 0;
        writer.submit(run, owned, true);
        keep(ByteBuffer.wrap(tail));
    }

    private void keep(ByteBuffer bytes) {
        int count = bytes.remaining();
        if (restBytes + count > rest.length) {
            byte[] larger = new byte[Math.min(WINDOW, Math.max(SMALL, 2 * (restBytes + count)))];
            System.arraycopy(rest, 0, larger, 0, restBytes);
            rest = larger;
        }
        bytes.get(rest, restBytes, count);
        restBytes += count;
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        if (restBytes > 0) {
            writer.submit(run, ByteBuffer.wrap(rest, 0, restBytes), false);
            restBytes = 0;
        }
        rest = new byte[0];
        writer.runClosed();
    }
}
