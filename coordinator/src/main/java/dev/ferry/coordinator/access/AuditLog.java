package dev.ferry.coordinator.access;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import com.google.protobuf.util.Timestamps;
import dev.ferry.common.DurableFile;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.AuditEntry;
import dev.ferry.proto.v1.ErrorCode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What was changed, by whom: a file to which lines of JSON are appended. A line is on disk when {@link #write} returns;
 * lines that come at the same time share one fsync. A full file is kept under a number, and the oldest of those go.
 */
public final class AuditLog implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(AuditLog.class);
    private static final String CURRENT = "audit.jsonl";
    private static final String KEPT = "audit-\\d{8}\\.jsonl";
    private static final JsonFormat.Printer PRINTER = JsonFormat.printer().omittingInsignificantWhitespace();
    private static final JsonFormat.Parser PARSER = JsonFormat.parser().ignoringUnknownFields();

    private final Path folder;
    private final long mostBytes;
    private final int mostFiles;
    private final ConcurrentLinkedQueue<Line> waiting = new ConcurrentLinkedQueue<>();
    private final ReentrantLock turn = new ReentrantLock();
    private FileChannel channel;
    private volatile boolean broken;

    private static final class Line {
        private final byte[] text;
        private boolean done;
        private @Nullable IOException failure;

        Line(byte[] text) {
            this.text = text;
        }
    }

    /**
     * Opens the log of a folder.
     *
     * @param mostBytes after which a file is put aside
     * @param mostFiles how many of those are kept
     */
    public AuditLog(Path folder, long mostBytes, int mostFiles) throws IOException {
        this.folder = folder;
        this.mostBytes = mostBytes;
        this.mostFiles = mostFiles;
        channel = open();
        endTornLine();
    }

    private FileChannel open() throws IOException {
        FileChannel opened =
                FileChannel.open(
                        folder.resolve(CURRENT),
                        Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE),
                        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        opened.position(opened.size());
        DurableFile.syncFolder(folder);
        return opened;
    }

    /** A line that a crash cut off was never answered for; it must not swallow the next. */
    private void endTornLine() throws IOException {
        long size = channel.size();
        if (size > 0) {
            ByteBuffer last = ByteBuffer.allocate(1);
            int ignored = channel.read(last, size - 1);
            if (last.get(0) != '\n') {
                writeFully(new byte[] {'\n'});
            }
        }
    }

    /**
     * Writes an entry; it is on disk when this returns.
     *
     * @throws FerryException DISK_FULL when it could not be written
     */
    public void write(AuditEntry entry) {
        Line line = new Line((print(entry) + "\n").getBytes(StandardCharsets.UTF_8));
        waiting.add(line);
        turn.lock();
        try {
            if (!line.done) {
                writeWaiting();
            }
        } finally {
            turn.unlock();
        }
        if (line.failure != null) {
            throw new FerryException(ErrorCode.DISK_FULL, "The audit log in " + folder + " can't be written: " + line.failure, line.failure);
        }
    }

    private static String print(AuditEntry entry) {
        try {
            return PRINTER.print(entry);
        } catch (InvalidProtocolBufferException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** All that wait, by whoever's turn it is. */
    private void writeWaiting() {
        List<Line> batch = new ArrayList<>();
        for (Line line = waiting.poll(); line != null; line = waiting.poll()) {
            batch.add(line);
        }
        IOException failure = null;
        try {
            append(batch);
        } catch (IOException failed) {
            failure = failed;
            LOG.error("the audit log in {} can't be written; what changes something is refused until it can", folder, failed);
        }
        broken = failure != null;
        for (Line line : batch) {
            line.failure = failure;
            line.done = true;
        }
    }

    private void append(List<Line> batch) throws IOException {
        if (!channel.isOpen()) {
            // The last rotation failed half way.
            channel = open();
        }
        if (channel.size() >= mostBytes) {
            rotate();
        }
        long before = channel.size();
        try {
            for (Line line : batch) {
                writeFully(line.text);
            }
            channel.force(false);
        } catch (IOException failed) {
            cutBackTo(before, failed);
            throw failed;
        }
    }

    /** What is answered by an error must not be in the log half, nor twice when it is tried again. */
    private void cutBackTo(long size, IOException cause) {
        try {
            channel.truncate(size).position(size);
        } catch (IOException failed) {
            cause.addSuppressed(failed);
        }
    }

    private void writeFully(byte[] text) throws IOException {
        ByteBuffer rest = ByteBuffer.wrap(text);
        while (rest.hasRemaining()) {
            int ignored = channel.write(rest);
        }
    }

    private void rotate() throws IOException {
        List<Path> kept = kept();
        String last = kept.isEmpty() ? "audit-00000000.jsonl" : String.valueOf(kept.getLast().getFileName());
        int number = Integer.parseInt(last.replaceAll("\\D", "")) + 1;
        channel.close();
        Files.move(folder.resolve(CURRENT), folder.resolve(String.format("audit-%08d.jsonl", number)));
        channel = open();
        for (Path old : kept.subList(0, Math.max(0, kept.size() + 1 - mostFiles))) {
            Files.deleteIfExists(old);
        }
    }

    /** Full files, the oldest first. */
    private List<Path> kept() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> String.valueOf(file.getFileName()).matches(KEPT)).sorted().toList();
        }
    }

    /**
     * Refuses a change that could not be recorded, before it is made.
     *
     * @throws FerryException DISK_FULL
     */
    public void requireWritable() {
        if (broken) {
            write(AuditEntry.newBuilder().setAt(Timestamps.now()).setCaller(Caller.FERRY.name()).setVerb("AuditLog").setOutcome("OK").setMessage("can be written again").build());
        }
    }

    /**
     * Gives all entries from a time on, the oldest first.
     *
     * @param since milliseconds since 1970, UTC
     */
    public void read(long since, Consumer<AuditEntry> taker) throws IOException {
        List<BufferedReader> files = new ArrayList<>();
        try {
            open(since, files);
            for (BufferedReader file : files) {
                read(file, since, taker);
            }
        } finally {
            for (BufferedReader file : files) {
                file.close();
            }
        }
    }

    /** All before any is read, which may take long: meanwhile a full file gets another name, and the oldest goes. */
    private void open(long since, List<BufferedReader> opened) throws IOException {
        turn.lock();
        try {
            List<Path> files = new ArrayList<>(kept());
            files.add(folder.resolve(CURRENT));
            for (Path file : files) {
                if (Files.getLastModifiedTime(file).toMillis() >= since) {
                    // It replaces what is no UTF-8: a crash may have cut a line off within a character.
                    opened.add(new BufferedReader(new InputStreamReader(Files.newInputStream(file), StandardCharsets.UTF_8)));
                }
            }
        } finally {
            turn.unlock();
        }
    }

    private void read(BufferedReader lines, long since, Consumer<AuditEntry> taker) throws IOException {
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            AuditEntry.Builder entry = AuditEntry.newBuilder();
            try {
                PARSER.merge(line, entry);
            } catch (InvalidProtocolBufferException torn) {
                // Only what a crash cut off: its call was never answered.
                LOG.warn("the audit log in {} has a line that is not an entry", folder);
                continue;
            }
            if (Timestamps.toMillis(entry.getAt()) >= since) {
                taker.accept(entry.build());
            }
        }
    }

    @Override
    public void close() throws IOException {
        turn.lock();
        try {
            channel.close();
        } finally {
            turn.unlock();
        }
    }
}
