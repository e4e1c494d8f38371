package dev.ferry.common;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * Small files that are either the old or the new content after a crash, never something between:
 * temporary file, fsync, atomic rename, fsync of the folder.
 */
public final class DurableFile {
    private DurableFile() {}

    public static void write(Path file, byte[] content) throws IOException {
        Path temporary = file.resolveSibling(file.getFileName() + ".new");
        write(file, content, temporary, Set.of(StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE));
    }

    /**
     * As {@link #write(Path, byte[])}, on a disk that has no room: into a file that is there already, which is moved to the place.
     *
     * @param spare in the same file system and no smaller than the content; it is gone afterwards
     */
    public static void writeInto(Path spare, Path file, byte[] content) throws IOException {
        Path temporary = file.resolveSibling(file.getFileName() + ".new");
        Files.move(spare, temporary, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        write(file, content, temporary, Set.of(StandardOpenOption.WRITE));
    }

    /** Whether a write failed because there is no room. */
    public static boolean isFull(IOException failed) {
        String message = String.valueOf(failed.getMessage());
        return message.contains("No space left on device") || message.contains("Disk quota exceeded");
    }

    /** Writes a file that holds a secret: at no time can anyone but its owner read it. */
    public static void writePrivate(Path file, byte[] content) throws IOException {
        Path temporary = file.resolveSibling(file.getFileName() + ".new");
        Files.deleteIfExists(temporary);
        write(file, content, temporary, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    }

    /** What is too large to be held in memory. */
    public interface Content {
        void writeTo(OutputStream file) throws IOException;
    }

    /** As {@link #writePrivate(Path, byte[])}; when the content fails, the file is as it was. */
    public static void writePrivate(Path file, Content content) throws IOException {
        // Beside files of a user's own: of a name that nobody has.
        Path temporary = Files.createTempFile(Objects.requireNonNull(file.toAbsolutePath().getParent()), "." + file.getFileName() + "-", "", PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        try {
            try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
                content.writeTo(Channels.newOutputStream(channel));
                channel.force(true);
            }
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(temporary);
        }
        syncFolder(Objects.requireNonNull(file.toAbsolutePath().getParent()));
    }

    private static void write(Path file, byte[] content, Path temporary, Set<StandardOpenOption> options, FileAttribute<?>... attributes) throws IOException {
        try (FileChannel channel = FileChannel.open(temporary, options, attributes)) {
            ByteBuffer remaining = ByteBuffer.wrap(content);
            while (remaining.hasRemaining()) {
                channel.write(remaining);
            }
            // What is written over may have been longer.
            FileChannel ignored = channel.truncate(content.length);
            channel.force(true);
        }
        Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        syncFolder(Objects.requireNonNull(file.toAbsolutePath().getParent()));
    }

    public static Optional<byte[]> read(Path file) throws IOException {
        try {
            return Optional.of(Files.readAllBytes(file));
        } catch (NoSuchFileException absent) {
            return Optional.empty();
        }
    }

    /** Makes the names in a folder durable. */
    public static void syncFolder(Path folder) throws IOException {
        try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }
}
