package dev.ferry.storage.image;

import com.google.protobuf.ByteString;
import dev.ferry.common.Clock;
import dev.ferry.common.PrivateFolder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Chunks that this node has had before, as they lie in packs, in a folder of bounded size. Segments are written
 * from begin to end and the oldest is removed when there are too many bytes. Nothing is synced and nothing here is
 * trusted: a chunk is verified as one of the store each time it is read, so that after a crash, or on a disk that lies, one that
 * is not what it was is only fetched again. What can't be written is not kept; a disk that was full is tried again after a
 * minute. Safe for threads.
 */
public final class ChunkCache implements AutoCloseable {
    /** Length of a chunk, at most. */
    public static final int MOST_BYTES = PageCutter.MOST_BYTES;

    private static final Logger LOG = LoggerFactory.getLogger(ChunkCache.class);
    private static final String SUFFIX = ".chunks";
    private static final int HEADER = ChunkName.BYTES + Integer.BYTES;
    private static final long LONGEST_SEGMENT = 64 << 20;
    private static final int LEAST_SEGMENTS = 8;
    /** Not with each chunk: it costs time, and a job may stand still. */
    static final Duration PAUSE = Duration.ofMinutes(1);

    private final Path folder;
    private final long quota;
    private final Clock clock;
    private final Opener opener;
    private final long segmentBytes;
    /** There are no more of them while each is filled: two that follow each other hold more than one may. More are of a disk that is full again and again. */
    private final long mostSegments;
    private final NavigableMap<Long, Segment> segments = new TreeMap<>();
    private final Map<ChunkName, Place> places = new HashMap<>();
    private long bytes;
    private boolean broken;
    /** A reading of the clock. */
    private long brokenAt;
    private boolean told;

    /** How the file of a segment is opened. */
    interface Opener {
        FileChannel open(Path path) throws IOException;
    }

    private record Place(Segment segment, long offset, int length) {}

    /** One file. */
    private static final class Segment {
        private final long number;
        private final Path path;
        private final FileChannel file;
        private long length;
        /** Nothing comes behind what it has: there may be a gap, at which a scan ends. */
        private boolean ended;

        Segment(long number, Path path, FileChannel file) {
            this.number = number;
            this.path = path;
            this.file = file;
        }
    }

    private ChunkCache(Path folder, long quota, Clock clock, Opener opener) {
        this.folder = folder;
        this.quota = quota;
        this.clock = clock;
        this.opener = opener;
        segmentBytes = Math.max(1, Math.min(LONGEST_SEGMENT, quota / LEAST_SEGMENTS));
        mostSegments = 2 * (quota / segmentBytes) + 2;
    }

    /**
     * Opens a cache with what earlier daemons left in it.
     *
     * @param quota bytes on the disk; one segment more may lie there for a moment
     */
    public static ChunkCache open(Path folder, long quota) throws IOException {
        return open(folder, quota, Clock.SYSTEM, path -> FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE));
    }

    static ChunkCache open(Path folder, long quota, Clock clock, Opener opener) throws IOException {
        PrivateFolder.close(folder);
        ChunkCache cache = new ChunkCache(folder, quota, clock, opener);
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*" + SUFFIX)) {
            for (Path path : files) {
                String name = path.getFileName().toString();
                long number = Long.parseLong(name.substring(0, name.length() - SUFFIX.length()));
                cache.segments.put(number, new Segment(number, path, opener.open(path)));
            }
        }
        for (Segment segment : cache.segments.values()) {
            cache.scan(segment);
        }
        cache.shrink();
        return cache;
    }

    /** Reads the headers of a segment, up to the first that can't be one. */
    private void scan(Segment segment) throws IOException {
        long size = segment.file.size();
        ByteBuffer header = ByteBuffer.allocate(HEADER);
        long at = 0;
        while (at + HEADER <= size) {
            readFully(segment.file, header.clear(), at);
            ChunkName name = ChunkName.read(header.flip());
            int length = header.getInt();
            if (length <= 0 || length > PageCutter.MOST_BYTES || at + HEADER + length > size) {
                break;
            }
            places.put(name, new Place(segment, at + HEADER, length));
            at += HEADER + length;
        }
        segment.length = at;
        bytes += at;
    }

    /**
     * Keeps a chunk as it lies in its pack; one that is here already, or that can't be written, is passed over.
     *
     * @param stored from its position to its limit
     */
    void put(ChunkName name, ByteBuffer stored) {
        int length = stored.remaining();
        ByteBuffer header = ByteBuffer.allocate(HEADER);
        name.write(header);
        header.putInt(length).flip();
        Segment segment = null;
        try {
            long at;
            synchronized (this) {
                if (takesNothing() || places.containsKey(name)) {
                    return;
                }
                broken = false;
                segment = current(HEADER + length);
                at = segment.length;
                segment.length += HEADER + length;
                bytes += HEADER + length;
            }
            writeFully(segment.file, header, at);
            writeFully(segment.file, stored, at + HEADER);
            synchronized (this) {
                if (segments.get(segment.number) == segment) {
                    places.put(name, new Place(segment, at + HEADER, length));
                }
                // Told again when it fails after this.
                told = broken;
            }
        } catch (ClosedChannelException evicted) {
            // So many chunks came that its segment was the oldest before it was written.
        } catch (IOException full) {
            giveUp(segment, full);
        }
    }

    private Segment current(int length) throws IOException {
        Segment last = segments.isEmpty() ? null : segments.lastEntry().getValue();
        if (last != null && !last.ended && last.length + length <= segmentBytes) {
            return last;
        }
        long number = last == null ? 1 : last.number + 1;
        Path path = folder.resolve(number + SUFFIX);
        Segment next = new Segment(number, path, opener.open(path));
        segments.put(number, next);
        shrink();
        return next;
    }

    private void shrink() throws IOException {
        while ((bytes > quota || segments.size() > mostSegments) && segments.size() > 1) {
            Segment oldest = segments.firstEntry().getValue();
            places.values().removeIf(place -> place.segment() == oldest);
            remove(oldest);
        }
    }

    private void remove(Segment segment) throws IOException {
        segments.remove(segment.number);
        bytes -= segment.length;
        segment.file.close();
        Files.deleteIfExists(segment.path);
    }

    /** Until a while has passed since it could not be written. */
    private boolean takesNothing() {
        return broken && clock.since(brokenAt).compareTo(PAUSE) < 0;
    }

    /**
     * A cache that can't be written is one that has nothing new; jobs need none. It is tried again after a while, with another segment.
     *
     * @param failed what could not be written; null: none could be made
     */
    private synchronized void giveUp(@Nullable Segment failed, IOException why) {
        if (!told) {
            LOG.warn("the cache of chunks in {} takes nothing more until there is room: {}", folder, why.getMessage());
        }
        told = true;
        broken = true;
        brokenAt = clock.nanos();
        if (failed != null && segments.get(failed.number) == failed) {
            failed.ended = true;
            removeEmpty(failed);
        }
    }

    /** Else each try on a disk that stays full would leave a file, open. */
    private void removeEmpty(Segment failed) {
        if (places.values().stream().noneMatch(place -> place.segment() == failed)) {
            try {
                remove(failed);
            } catch (IOException left) {
                LOG.warn("an empty segment of the cache of chunks is left: {}", left.getMessage());
            }
        }
    }

    /**
     * Gives a chunk as it lay in its pack, not verified.
     *
     * @param into with as many bytes left as it had there
     * @return false: it is not here, or is of another length
     */
    boolean get(ChunkName name, ByteBuffer into) {
        Place place;
        synchronized (this) {
            place = places.get(name);
        }
        if (place == null || place.length() != into.remaining()) {
            return false;
        }
        try {
            readFully(place.segment().file, into, place.offset());
            return true;
        } catch (IOException gone) {
            drop(name);
            return false;
        }
    }

    /**
     * For another node, which proves it: a chunk as it lay in its pack, not verified.
     *
     * @param name the SHA-256 of its plain bytes
     * @param into with as many bytes left as it had there
     * @return false: it is not here, or is of another length
     */
    public boolean get(ByteString name, ByteBuffer into) {
        return name.size() == ChunkName.BYTES && get(ChunkName.of(name, 0), into);
    }

    private static void writeFully(FileChannel file, ByteBuffer from, long position) throws IOException {
        long at = position;
        while (from.hasRemaining()) {
            at += file.write(from, at);
        }
    }

    private static void readFully(FileChannel file, ByteBuffer into, long from) throws IOException {
        long at = from;
        while (into.hasRemaining()) {
            int count = file.read(into, at);
            if (count < 0) {
                throw new IOException("a segment is shorter than its headers say");
            }
            at += count;
        }
    }

    synchronized boolean has(ChunkName name) {
        return places.containsKey(name);
    }

    /** Forgets a chunk that is not what its name says. */
    synchronized void drop(ChunkName name) {
        places.remove(name);
    }

    /** How many bytes may be put one after the other before the first of them go again; 0: it takes nothing. */
    synchronized long room() {
        return takesNothing() ? 0 : Math.max(0, quota - segmentBytes);
    }

    /** What a chunk takes here. */
    static long bytesOf(int stored) {
        return HEADER + (long) stored;
    }

    /** Bytes on the disk. */
    public synchronized long bytes() {
        return bytes;
    }

    @Override
    public synchronized void close() {
        try {
            for (Segment segment : segments.values()) {
                segment.file.close();
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}
