package dev.ferry.node.volumes;

import dev.ferry.node.posix.SparseFile;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * The content of one file on its way into an image: what it has of data is read, of a hole only its length is told. So a file takes the
 * time of what lies in it, however long it is.
 */
final class FileContent {
    /** A shorter hole shares its windows with data, which are looked at in any case: it is read like data. */
    private static final int LEAST_HOLE = Images.WINDOW_BYTES;

    private final SparseFile file;
    private final ImageWriter image;
    private final ByteSink sink;
    private long bytes;

    FileContent(SparseFile file, ImageWriter image, ByteSink sink) {
        this.file = file;
        this.image = image;
        this.sink = sink;
    }

    /** Bytes that were read so far. */
    long bytes() {
        return bytes;
    }

    /** Gives all of it. */
    void give() throws IOException, InterruptedException {
        long at = 0;
        while (at < file.length()) {
            long data = beginOfData(at);
            if (data > at) {
                sink.zeros(data - at);
            }
            long end = endOfData(data);
            if (!read(data, end)) {
                // Somebody from outside has made it shorter: what was there is taken.
                return;
            }
            at = end;
        }
    }

    /** Where to read from: behind the hole in which a byte is, if it is worth to be passed over. */
    private long beginOfData(long at) throws IOException {
        if (file.length() - at < LEAST_HOLE) {
            return at;
        }
        long data = file.data(at);
        return data - at < LEAST_HOLE ? at : data;
    }

    /** Where the next hole begins that is worth to be passed over. */
    private long endOfData(long from) throws IOException {
        long end = from;
        while (file.length() - end >= LEAST_HOLE) {
            end = file.hole(end);
            if (beginOfData(end) > end) {
                return end;
            }
            end = end < file.length() ? file.data(end) : end;
        }
        return file.length();
    }

    /** @return false: the file ends before */
    private boolean read(long from, long end) throws IOException, InterruptedException {
        if (from < end) {
            file.position(from);
        }
        for (long at = from; at < end; at += Images.WINDOW_BYTES) {
            ByteBuffer buffer = image.take();
            boolean filled;
            try {
                buffer.limit((int) Math.min(buffer.capacity(), end - at));
                filled = file.read(buffer);
            } catch (IOException failed) {
                image.buffers().give(buffer);
                throw failed;
            }
            bytes += buffer.position();
            sink.write(buffer.flip());
            if (!filled) {
                return false;
            }
        }
        return true;
    }
}
