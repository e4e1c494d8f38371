package dev.ferry.node.volumes;

import com.google.protobuf.ByteString;
import dev.ferry.node.posix.Posix;
import dev.ferry.proto.v1.EntryKind;
import dev.ferry.proto.v1.StoredVolume;
import dev.ferry.proto.v1.VolumeEntry;
import dev.ferry.storage.ByteSource;
import dev.ferry.storage.ImageReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.concurrent.TimeUnit;

/** Makes a job's folders anew from an image, in empty folders in which nothing runs. */
public final class VolumeRestore {
    private static final int PAGE = 4096;

    private final ImageReader image;
    private long bytes;

    public VolumeRestore(ImageReader image) {
        this.image = image;
    }

    /** Bytes of file content that were written; holes are not counted. */
    public long bytes() {
        return bytes;
    }

    /**
     * @param folder does not exist yet
     */
    public void restore(StoredVolume volume, Path folder) throws IOException {
        for (VolumeEntry entry : volume.getEntriesList()) {
            make(entry, folder);
        }
        // Last, deepest first: making a file changes its folder's time, and a folder may forbid writing.
        for (VolumeEntry entry : volume.getEntriesList().reversed()) {
            owner(entry, VolumePaths.resolve(folder, entry.getPath()));
        }
    }

    private void make(VolumeEntry entry, Path folder) throws IOException {
        Path file = VolumePaths.resolve(folder, entry.getPath());
        requireWithin(folder, file);
        if (file.equals(folder) && entry.getKind() != EntryKind.DIRECTORY) {
            // A link in the folder's place would lead whoever comes to it next anywhere on the node.
            throw new IOException("the image has a " + entry.getKind() + " in the place of the job's folder " + folder.getFileName());
        }
        switch (entry.getKind()) {
            case DIRECTORY -> Files.createDirectories(file);
            case SYMLINK -> Posix.makeLink(entry.getTarget().toByteArray(), VolumePaths.bytes(file));
            case HARD_LINK -> link(file, VolumePaths.resolve(folder, entry.getTarget()), folder);
            case FIFO -> Posix.makeFifo(file, entry.getMode());
            case REGULAR -> content(entry, file);
            case ENTRY_KIND_UNSPECIFIED, UNRECOGNIZED -> throw new IOException("entry '" + name(entry.getPath()) + "' is of a kind this Ferry does not know");
        }
    }

    private static void link(Path file, Path target, Path folder) throws IOException {
        requireWithin(folder, target);
        Files.createLink(file, target);
    }

    /** The daemon writes as root: an entry below a symbolic link of the image could be anywhere on the node. */
    private static void requireWithin(Path folder, Path file) throws IOException {
        for (Path above = file.getParent(); above != null && !above.equals(folder.getParent()) && above.startsWith(folder); above = above.getParent()) {
            if (Files.isSymbolicLink(above)) {
                throw new IOException("the image has an entry below the symbolic link " + folder.relativize(above));
            }
        }
    }

    /** Zeros become holes: nothing is written where a page has nothing else, and the file is as long as it was. */
    private void content(VolumeEntry entry, Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
                ByteSource source = image.open(entry.getChunks())) {
            long at = zeros(source);
            for (ByteBuffer next = source.next(); next != null; next = source.next()) {
                int length = next.remaining();
                write(next, channel, at);
                at += length + zeros(source);
            }
            if (at != entry.getSize()) {
                throw new IOException("file '" + name(entry.getPath()) + "' has " + at + " bytes in the image instead of " + entry.getSize());
            }
            if (channel.size() < at) {
                Posix.setLength(VolumePaths.bytes(file), at);
            }
        }
    }

    /** Passes over all that are next. */
    private static long zeros(ByteSource source) {
        long all = 0;
        for (long some = source.zeros(); some > 0; some = source.zeros()) {
            all += some;
        }
        return all;
    }

    /** A window of a file with holes may have a byte that is not zero, and be zeros for the rest. */
    private void write(ByteBuffer window, FileChannel channel, long at) throws IOException {
        int begin = window.position();
        int end = window.limit();
        int from = begin;
        while (from < end) {
            int to = from;
            while (to < end && !isZero(window, to, Math.min(end, to + PAGE))) {
                to = Math.min(end, to + PAGE);
            }
            bytes += to - from;
            window.limit(to).position(from);
            while (window.hasRemaining()) {
                int ignored = channel.write(window, at + window.position() - begin);
            }
            window.limit(end);
            from = Math.min(end, to + PAGE);
        }
    }

    private static boolean isZero(ByteBuffer buffer, int from, int to) {
        int at = from;
        for (; at + Long.BYTES <= to; at += Long.BYTES) {
            if (buffer.getLong(at) != 0) {
                return false;
            }
        }
        for (; at < to; at++) {
            if (buffer.get(at) != 0) {
                return false;
            }
        }
        return true;
    }

    private static void owner(VolumeEntry entry, Path file) throws IOException {
        Files.setAttribute(file, "unix:uid", entry.getUid(), LinkOption.NOFOLLOW_LINKS);
        Files.setAttribute(file, "unix:gid", entry.getGid(), LinkOption.NOFOLLOW_LINKS);
        switch (entry.getKind()) {
            case SYMLINK, HARD_LINK -> {
                // A symbolic link has no mode, and nobody looks at its time; the other names of a file share what its first has.
            }
            // By name and mode only: the JDK opens the file for all else, and opening a FIFO waits for one who writes.
            case FIFO -> Files.setAttribute(file, "unix:mode", entry.getMode());
            case DIRECTORY, REGULAR -> {
                Files.setAttribute(file, "unix:mode", entry.getMode(), LinkOption.NOFOLLOW_LINKS);
                Files.setAttribute(file, "lastModifiedTime", FileTime.from(entry.getModifiedAt(), TimeUnit.NANOSECONDS), LinkOption.NOFOLLOW_LINKS);
            }
            case ENTRY_KIND_UNSPECIFIED, UNRECOGNIZED -> throw new IOException("entry '" + name(entry.getPath()) + "' is of a kind this Ferry does not know");
        }
    }

    private static String name(ByteString path) {
        return path.toStringUtf8();
    }
}
