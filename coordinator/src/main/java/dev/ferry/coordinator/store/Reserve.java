package dev.ferry.coordinator.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.SplittableRandom;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A little room on the disk of the data folder, kept for what makes room. A deletion is written into the database and the
 * audit log before anything is freed, and by default the store is on the same disk: were that full, nothing could be deleted
 * any more. The room is a file; whoever frees gives it up first, and takes back afterwards what of it is left.
 */
public final class Reserve {
    private static final Logger LOG = LoggerFactory.getLogger(Reserve.class);
    /** Name of the file in the data folder. */
    public static final String NAME = "reserve";

    /** Transactions of thousands of images that expire at a time, and lines of the audit log, fit in. */
    private static final int BYTES = 8 << 20;

    private static final int BLOCK = 1 << 20;

    private final Path data;
    private final Path file;

    /**
     * Room for a start too, without which nothing can be deleted either; {@link #take} ends that.
     *
     * @param data folder that is there
     */
    public Reserve(Path data) {
        this.data = data;
        file = data.resolve(NAME);
        give();
    }

    /** Gives the room to others, if they have less than that. */
    public synchronized void give() {
        try {
            if (room() < BYTES && Files.deleteIfExists(file)) {
                LOG.warn("the disk of {} is full: the room that is kept for deletions is used", file);
            }
        } catch (IOException failed) {
            // Whoever needs it finds the disk as it is, and says so.
            LOG.warn("the room that is kept in {} can't be given up: {}", file, failed.toString());
        }
    }

    /** Takes the room back, of what is free half at most: somebody else may be deleting just now. */
    public synchronized void take() {
        try {
            long wanted = Math.min(BYTES - kept(), room() / 2);
            if (wanted > 0) {
                fill(wanted);
            }
        } catch (IOException full) {
            // What was written up to there is kept.
            LOG.warn("less room than {} bytes is kept in {}: {}", BYTES, file, full.toString());
        }
    }

    private long kept() throws IOException {
        return Files.exists(file) ? Files.size(file) : 0;
    }

    private long room() {
        return data.toFile().getUsableSpace();
    }

    /** By what no file system makes smaller. */
    private void fill(long bytes) throws IOException {
        byte[] random = new byte[BLOCK];
        new SplittableRandom().nextBytes(random);
        try (FileChannel channel = FileChannel.open(file, Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.APPEND))) {
            for (long left = bytes; left > 0; ) {
                left -= channel.write(ByteBuffer.wrap(random, 0, (int) Math.min(BLOCK, left)));
            }
        }
    }
}
