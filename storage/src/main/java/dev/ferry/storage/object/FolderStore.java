package dev.ferry.storage.object;

import dev.ferry.common.DurableFile;
import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.common.PrivateFolder;
import dev.ferry.common.Sizes;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.WholeObject;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;

/**
 * Objects as files of a folder, which may be a network file system. An object is written beside its
 * place, made durable, and takes its name in one step: by rename, or by link when it must be the first.
 */
public final class FolderStore implements ObjectStore {
    private static final String UNFINISHED = ".unfinished";
    /** What a client of NFS makes of a file that is deleted while somebody has it open: it goes when it is closed. */
    private static final String DELETED = ".nfs";
    private static final int SLICE = 1 << 20;

    private final Path root;
    private final Links links;

    /** How a file gets a second name. */
    interface Links {
        void make(Path link, Path existing) throws IOException;
    }

    public FolderStore(Path root) {
        this(root, Files::createLink);
    }

    FolderStore(Path root, Links links) {
        this.root = root;
        this.links = links;
    }

    @Override
    public void put(String key, ByteBuffer content) {
        Path target = path(key);
        attempt(
                "write",
                key,
                () -> {
                    Path temporary = unfinished(content);
                    try {
                        makeParents(target);
                        Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
                        DurableFile.syncFolder(parent(target));
                    } finally {
                        Files.deleteIfExists(temporary);
                    }
                    return true;
                });
    }

    @Override
    public void create(String key, ByteBuffer content) {
        Path target = path(key);
        attempt(
                "create",
                key,
                () -> {
                    Path temporary = unfinished(content);
                    try {
                        makeParents(target);
                        link(key, target, temporary);
                        DurableFile.syncFolder(parent(target));
                    } finally {
                        Files.deleteIfExists(temporary);
                    }
                    return true;
                });
    }

    private void link(String key, Path target, Path temporary) throws IOException {
        try {
            links.make(target, temporary);
        } catch (FileAlreadyExistsException taken) {
            // A file server whose answer was lost says that to the second try: then the object is our own.
            if (!Files.isSameFile(target, temporary)) {
                throw new FerryException(ErrorCode.OBJECT_EXISTS, "Object " + key + " is already in " + describe(), taken);
            }
        }
    }

    private Path unfinished(ByteBuffer content) throws IOException {
        Path folder = root.resolve(UNFINISHED);
        if (!Files.isDirectory(folder)) {
            // What jobs had in memory lies here. Who wants others to read it makes the folder himself.
            PrivateFolder.make(root);
            Files.createDirectories(folder);
        }
        Path temporary = folder.resolve(Ids.random(16));
        ByteBuffer rest = content.duplicate();
        try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            while (rest.hasRemaining()) {
                // In slices: the JDK keeps a direct buffer of the size of the largest write for each thread.
                ByteBuffer slice = rest.slice(rest.position(), Math.min(SLICE, rest.remaining()));
                rest.position(rest.position() + channel.write(slice));
            }
            channel.force(true);
        } catch (IOException failed) {
            Files.deleteIfExists(temporary);
            throw failed;
        }
        return temporary;
    }

    /** New folders must survive a crash as well as the file in them. */
    private void makeParents(Path target) throws IOException {
        Path parent = parent(target);
        if (Files.isDirectory(parent)) {
            return;
        }
        Path above = parent;
        List<Path> made = new ArrayList<>();
        while (!Files.isDirectory(above)) {
            made.add(above);
            above = parent(above);
        }
        Files.createDirectories(parent);
        for (Path folder : made) {
            DurableFile.syncFolder(parent(folder));
        }
    }

    private static Path parent(Path path) {
        Path parent = path.getParent();
        if (parent == null) {
            throw new IllegalArgumentException(path + " has no parent");
        }
        return parent;
    }

    @Override
    public Optional<byte[]> get(String key) {
        return attempt(
                "read",
                key,
                () -> {
                    Path path = path(key);
                    while (true) {
                        long bytes;
                        try {
                            bytes = Files.size(path);
                        } catch (NoSuchFileException absent) {
                            return Optional.empty();
                        }
                        if (bytes > WholeObject.most()) {
                            throw WholeObject.tooLarge("Object " + key + " in " + describe(), Sizes.format(bytes));
                        }
                        Optional<byte[]> whole = whole(path, (int) bytes);
                        if (whole.isPresent()) {
                            return whole;
                        }
                    }
                });
    }

    /**
     * Not by a channel, which a thread that is interrupted would close under itself.
     *
     * @return empty: it has another length, because it was replaced since that was asked, or is gone
     */
    private static Optional<byte[]> whole(Path path, int bytes) throws IOException {
        byte[] object = new byte[bytes];
        try (InputStream file = Files.newInputStream(path)) {
            int at = 0;
            while (at < bytes) {
                // In slices, as it is written.
                int count = file.read(object, at, Math.min(SLICE, bytes - at));
                if (count < 0) {
                    return Optional.empty();
                }
                at += count;
            }
            return file.read() < 0 ? Optional.of(object) : Optional.empty();
        } catch (NoSuchFileException deleted) {
            return Optional.empty();
        }
    }

    @Override
    public void read(String key, long offset, ByteBuffer into) {
        attempt(
                "read",
                key,
                () -> {
                    try (FileChannel channel = FileChannel.open(path(key), StandardOpenOption.READ)) {
                        long at = offset;
                        while (into.hasRemaining()) {
                            // In slices, as it is written.
                            ByteBuffer slice = into.slice(into.position(), Math.min(SLICE, into.remaining()));
                            int count = channel.read(slice, at);
                            if (count < 0) {
                                throw new FerryException(
                                        ErrorCode.CHUNK_MISSING, "Object " + key + " in " + describe() + " ends at byte " + channel.size() + "; bytes from " + offset + " were asked for");
                            }
                            into.position(into.position() + count);
                            at += count;
                        }
                        return true;
                    } catch (NoSuchFileException missing) {
                        throw new FerryException(ErrorCode.CHUNK_MISSING, "Object " + key + " is not in " + describe(), missing);
                    }
                });
    }

    @Override
    public List<Entry> entries(String prefix) {
        int slash = prefix.lastIndexOf('/');
        Path from = slash < 0 ? root : path(prefix.substring(0, slash));
        List<Entry> found = new ArrayList<>();
        attempt(
                "list",
                prefix,
                () -> {
                    Files.walkFileTree(
                            from,
                            // A folder of it may have been moved to another disk.
                            EnumSet.of(FileVisitOption.FOLLOW_LINKS),
                            Integer.MAX_VALUE,
                            new SimpleFileVisitor<>() {
                                @Override
                                public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
                                    return folder.equals(root.resolve(UNFINISHED)) ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
                                }

                                @Override
                                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                                    if (file.equals(from)) {
                                        throw new NotDirectoryException(from.toString());
                                    }
                                    String key = root.relativize(file).toString();
                                    if (key.startsWith(prefix) && !file.getFileName().toString().startsWith(DELETED)) {
                                        found.add(new Entry(key, attributes.size(), attributes.lastModifiedTime().toMillis()));
                                    }
                                    return FileVisitResult.CONTINUE;
                                }

                                @Override
                                public FileVisitResult visitFileFailed(Path file, IOException failed) throws IOException {
                                    // Deleted while we walk: not an object any more; or a folder in which nothing was ever put. A folder that can't be looked
                                    // at is not empty: all packs would be collected.
                                    if (failed instanceof NoSuchFileException) {
                                        return FileVisitResult.CONTINUE;
                                    }
                                    throw failed;
                                }
                            });
                    return true;
                });
        found.sort(Comparator.comparing(Entry::key));
        return found;
    }

    @Override
    public long clearUnfinished(Duration olderThan) {
        Path folder = root.resolve(UNFINISHED);
        FileTime before = FileTime.fromMillis(System.currentTimeMillis() - olderThan.toMillis());
        return attempt(
                "clear",
                UNFINISHED,
                () -> {
                    long freed = 0;
                    if (Files.isDirectory(folder)) {
                        try (DirectoryStream<Path> left = Files.newDirectoryStream(folder)) {
                            for (Path file : left) {
                                freed += clear(file, before);
                            }
                        }
                    }
                    return freed;
                });
    }

    private static long clear(Path file, FileTime before) throws IOException {
        try {
            long size = Files.size(file);
            return Files.getLastModifiedTime(file).compareTo(before) < 0 && Files.deleteIfExists(file) ? size : 0;
        } catch (NoSuchFileException finished) {
            return 0;
        }
    }

    @Override
    public long delete(String key) {
        return attempt(
                "delete",
                key,
                () -> {
                    Path file = path(key);
                    try {
                        long size = Files.size(file);
                        Files.delete(file);
                        return size;
                    } catch (NoSuchFileException none) {
                        return 0L;
                    }
                });
    }

    @Override
    public String describe() {
        return "file://" + root;
    }

    private Path path(String key) {
        Path path = root.resolve(key).normalize();
        if (key.isEmpty() || !path.startsWith(root) || path.equals(root)) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "'" + key + "' is not the key of an object");
        }
        return path;
    }

    private interface Action<T> {
        T run() throws IOException;
    }

    private <T> T attempt(String verb, String key, Action<T> action) {
        try {
            return action.run();
        } catch (IOException failed) {
            String message = String.valueOf(failed.getMessage());
            boolean full = message.contains("No space left") || message.contains("quota exceeded") || message.contains("File too large");
            ErrorCode code = full ? ErrorCode.STORE_FULL : failed instanceof AccessDeniedException ? ErrorCode.STORE_REFUSED : ErrorCode.STORE_UNREACHABLE;
            throw new FerryException(code, "Can't " + verb + " " + key + " in " + describe() + ": " + failed, failed);
        }
    }

    @Override
    public void close() {
        // Nothing is held open.
    }
}
