package dev.ferry.node.journal;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.ferry.common.DurableFile;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobJournal;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The record of one job, in its folder. Each change is durable before it counts: what the file says
 * is what a daemon that comes after us will believe.
 */
public final class Journal {
    private static final int FORMAT = 1;
    private static final String FILE = "journal";

    private final Path file;
    private final SpareFiles spare;
    private JobJournal record;
    private boolean written;
    private boolean erased;

    private Journal(Path file, SpareFiles spare, JobJournal record, boolean written) {
        this.file = file;
        this.spare = spare;
        this.record = record;
        this.written = written;
    }

    /**
     * A new job's record; nothing is written before the first change.
     *
     * @param spare for a disk that is full
     */
    public static Journal create(Path folder, String job, SpareFiles spare) {
        return new Journal(folder.resolve(FILE), spare, JobJournal.newBuilder().setFormatVersion(FORMAT).setJob(job).build(), false);
    }

    /**
     * The record of a job's folder; empty when it has none.
     *
     * @param spare for a disk that is full
     * @throws FerryException FORMAT_UNKNOWN when a newer Ferry wrote it
     */
    public static Optional<Journal> open(Path folder, SpareFiles spare) throws IOException {
        Path file = folder.resolve(FILE);
        Optional<byte[]> content = DurableFile.read(file);
        if (content.isEmpty()) {
            return Optional.empty();
        }
        JobJournal record;
        try {
            record = JobJournal.parseFrom(content.get());
        } catch (InvalidProtocolBufferException damaged) {
            throw new FerryException(ErrorCode.INTERNAL, "The journal " + file + " is damaged: " + damaged.getMessage(), damaged);
        }
        if (record.getFormatVersion() != FORMAT) {
            throw new FerryException(
                    ErrorCode.FORMAT_UNKNOWN, "The journal " + file + " has format " + record.getFormatVersion() + "; this Ferry knows format " + FORMAT);
        }
        return Optional.of(new Journal(file, spare, record, true));
    }

    /** Whether a name in a job's folder is the record's own, also while it is being written. */
    public static boolean isItsFile(String name) {
        return name.equals(FILE) || name.equals(FILE + ".new");
    }

    public synchronized JobJournal get() {
        return record;
    }

    /**
     * Makes a change durable; one that changes nothing costs nothing. On a full disk the room is used that is kept for that.
     *
     * @throws UncheckedIOException nothing is changed then
     */
    public JobJournal change(Consumer<JobJournal.Builder> change) {
        return change(change, true);
    }

    /** As {@link #change}, but the room that is kept is left to what needs it more. */
    public JobJournal changeInFreeRoom(Consumer<JobJournal.Builder> change) {
        return change(change, false);
    }

    private synchronized JobJournal change(Consumer<JobJournal.Builder> change, boolean mayUseSpare) {
        JobJournal.Builder builder = record.toBuilder();
        change.accept(builder);
        JobJournal changed = builder.build();
        if (written && changed.equals(record)) {
            return record;
        }
        if (erased) {
            record = changed;
            return changed;
        }
        // What the file says after an error is not known.
        written = false;
        try {
            write(changed.toByteArray(), mayUseSpare);
        } catch (IOException failed) {
            throw new UncheckedIOException("can't write the journal " + file, failed);
        }
        record = changed;
        written = true;
        return changed;
    }

    private void write(byte[] content, boolean mayUseSpare) throws IOException {
        try {
            Files.createDirectories(file.getParent());
            DurableFile.write(file, content);
        } catch (IOException failed) {
            if (!mayUseSpare || !DurableFile.isFull(failed) || !spare.write(file, content)) {
                throw failed;
            }
            return;
        }
        spare.replace();
    }

    /** Removes the record; a change that comes after this is in memory only. */
    public synchronized void erase() throws IOException {
        Files.deleteIfExists(file);
        erased = true;
    }
}
