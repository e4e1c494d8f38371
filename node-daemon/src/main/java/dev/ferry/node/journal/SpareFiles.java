package dev.ferry.node.journal;

import dev.ferry.common.DurableFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.SplittableRandom;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Room for the jobs' records on a disk that is full, or the job that has filled it could not be ended: its end is written down before it is made. The room is 4 MiB of files, and one of them
 * becomes the record at each change that finds no other room. Were it given back to the disk first, a job that goes on writing would take it. An end has some five changes.
 *
 * <p>Safe for threads.
 */
public final class SpareFiles {
    private static final Logger LOG = LoggerFactory.getLogger(SpareFiles.class);

    private static final int COUNT = 32;

    /** Of one file. Records have a few KiB; what one has beyond this needs room of the disk's. */
    private static final int BYTES = 128 << 10;

    private final Path folder;
    /** Those from this number on are not there. */
    private int kept;

    /**
     * Nothing is kept before {@link #fill}.
     *
     * @param folder in the file system of the records
     */
    public SpareFiles(Path folder) {
        this.folder = folder;
    }

    /** Keeps all of the room, as far as it is there: an earlier daemon may have used it. */
    public synchronized void fill() {
        do {
            while (kept < COUNT && isWhole(file(kept))) {
                kept++;
            }
        } while (add());
    }

    /** Keeps one file more, if one is missing and the disk has room again. */
    synchronized void replace() {
        boolean ignored = add();
    }

    /**
     * Writes a record without any other room.
     *
     * @return false: nothing is kept any more
     */
    synchronized boolean write(Path record, byte[] content) throws IOException {
        if (kept == 0) {
            return false;
        }
        kept--;
        LOG.warn("the disk of {} is full: it is written into the room that is kept for records, of which there is then for {} changes", record, kept);
        DurableFile.writeInto(file(kept), record, content);
        return true;
    }

    private Path file(int number) {
        return folder.resolve("spare-" + number);
    }

    private static boolean isWhole(Path file) {
        try {
            return Files.size(file) == BYTES;
        } catch (IOException absent) {
            return false;
        }
    }

    private boolean add() {
        // The others' need goes before: of what is free this takes little.
        if (kept == COUNT || Objects.requireNonNull(folder.toAbsolutePath().getParent()).toFile().getUsableSpace() < 4L * BYTES) {
            return false;
        }
        // What no file system makes smaller.
        byte[] random = new byte[BYTES];
        new SplittableRandom().nextBytes(random);
        try {
            Files.createDirectories(folder);
            Path ignored = Files.write(file(kept), random);
            kept++;
            return true;
        } catch (IOException full) {
            LOG.warn("room for {} changes only is kept in {}: {}", kept, folder, full.toString());
            return false;
        }
    }
}
