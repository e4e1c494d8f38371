package dev.ferry.storage.image;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.EntryKind;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.StoredFile;
import dev.ferry.proto.v1.StoredVolume;
import dev.ferry.proto.v1.VolumeEntry;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * An image as one file that holds all of it, read from its begin to its end: eight bytes that name the format, the length
 * of the manifest (8 bytes, big endian), the manifest as a store has it, its chunks, eight bytes that are the end. The
 * manifest names one pack, which is the chunks' part of the file: each chunk lies there once, in the order in which the
 * manifest names it first. Nothing that is given out is unverified. Used by one thread.
 */
public final class ImageFile {
    static final byte[] MAGIC = "FERRYEX1".getBytes(StandardCharsets.US_ASCII);
    static final byte[] END = "FERRYEND".getBytes(StandardCharsets.US_ASCII);

    /** What the manifest of a file calls the pack of its chunks. */
    static final String PACK = "chunks";

    /** The manifest of an image of several terabytes. */
    private static final int LONGEST_MANIFEST = 512 << 20;

    private static final Pattern PLAIN_NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,200}");

    private final Counted from;
    private final String name;
    private final Manifest manifest;

    private ImageFile(Counted from, String name, Manifest manifest) {
        this.from = from;
        this.name = name;
        this.manifest = manifest;
    }

    /** One chunk, verified. */
    public static final class Chunk {
        private final ChunkName name;
        private final long offset;
        private final byte[] stored;
        private final byte[] plain;

        private Chunk(ChunkName name, long offset, byte[] stored, byte[] plain) {
            this.name = name;
            this.offset = offset;
            this.stored = stored;
            this.plain = plain;
        }

        ChunkName name() {
            return name;
        }

        byte[] stored() {
            return stored;
        }

        /** Where it lies among the chunks, as the lists of the manifest say. */
        public long offset() {
            return offset;
        }

        public byte[] plain() {
            return plain;
        }
    }

    /** Whoever wants the chunks. */
    public interface Taker {
        void take(Chunk chunk) throws IOException;
    }

    /**
     * Reads a file as far as its manifest.
     *
     * @param name of the file, for errors
     * @param atMost how many bytes it may have
     * @throws FerryException IMAGE_FILE_CORRUPT, FORMAT_UNKNOWN, INVALID_ARGUMENT when it is too long
     */
    public static ImageFile open(InputStream file, String name, long atMost) throws IOException {
        return open(file, name, atMost, LONGEST_MANIFEST, Long.MAX_VALUE);
    }

    /**
     * As the other.
     *
     * @param manifestAtMost how many bytes its manifest may have, which is read into memory
     * @param memoryAtMost how many bytes of memory may become of it
     * @throws FerryException OBJECT_TOO_LARGE too
     */
    public static ImageFile open(InputStream file, String name, long atMost, long manifestAtMost, long memoryAtMost) throws IOException {
        Counted from = new Counted(file, name, atMost);
        byte[] begin = from.readNBytes(MAGIC.length);
        if (!Arrays.equals(begin, MAGIC)) {
            if (begin.length == MAGIC.length && Arrays.equals(begin, 0, MAGIC.length - 1, MAGIC, 0, MAGIC.length - 1)) {
                throw new FerryException(ErrorCode.FORMAT_UNKNOWN, "Image file " + name + " has format '" + (char) begin[MAGIC.length - 1] + "'; this Ferry knows format 1");
            }
            throw corrupt(name, 0, "it does not begin as the file of an image does");
        }
        long length = ByteBuffer.wrap(whole(from, name, Long.BYTES, "the length of its manifest")).getLong();
        if (length <= 0 || length > LONGEST_MANIFEST) {
            throw corrupt(name, MAGIC.length, "its manifest would have " + length + " bytes");
        }
        if (length > manifestAtMost) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Image file " + name + " has a manifest of " + (length >> 20) + " MiB, and the memory here is enough for " + (manifestAtMost >> 20) + " MiB: give the coordinator a larger heap (FERRY_JAVA_OPTS)");
        }
        long at = from.count();
        byte[] object = whole(from, name, (int) length, "its manifest");
        if (ManifestFormat.isFirstFormat(object)) {
            throw corrupt(name, at, "its manifest is of a format that no such file has");
        }
        Manifest manifest;
        try {
            manifest = ManifestFormat.read("in the file", object, ReadBudget.ofManifest("in the file").within(memoryAtMost));
        } catch (FerryException unreadable) {
            if (unreadable.code() == ErrorCode.FORMAT_UNKNOWN || unreadable.code() == ErrorCode.OBJECT_TOO_LARGE) {
                throw unreadable;
            }
            throw corrupt(name, at, String.valueOf(unreadable.getMessage()));
        }
        ImageFile opened = new ImageFile(from, name, manifest);
        opened.check(at);
        return opened;
    }

    /** How many chunks its lists name. */
    public long chunks() {
        return lists(manifest).stream().mapToLong(ChunkList::getLengthsCount).sum();
    }

    /** The image as it was where the file was written; its chunks' places are those in the file. */
    public Manifest manifest() {
        return manifest;
    }

    /** What whoever writes it to disks counts on: names that lead nowhere else, and lengths that are those of the content. */
    private void check(long at) {
        require(manifest.getPacksList().equals(List.of(PACK)) || manifest.getPacksCount() == 0, at, "its manifest names packs of a store");
        Set<String> names = new HashSet<>();
        for (StoredFile file : manifest.getFilesList()) {
            require(PLAIN_NAME.matcher(file.getName()).matches() && names.add(file.getName()), at, "'" + file.getName() + "' is no name of a file of CRIU, or is there twice");
            require(length(file.getChunks()) == file.getSize(), at, "file " + file.getName() + " has another length than its chunks");
        }
        for (StoredVolume volume : manifest.getVolumesList()) {
            require(PLAIN_NAME.matcher(volume.getName()).matches() && names.add(volume.getName() + "/"), at, "'" + volume.getName() + "' is no name of a volume, or is there twice");
            for (VolumeEntry entry : volume.getEntriesList()) {
                require(entry.getKind() != EntryKind.REGULAR || length(entry.getChunks()) == entry.getSize(), at, "a file of volume " + volume.getName() + " has another length than its chunks");
            }
        }
    }

    private static long length(ChunkList list) {
        return list.getLengthsList().stream().mapToLong(Integer::longValue).sum();
    }

    private void require(boolean holds, long at, String otherwise) {
        if (!holds) {
            throw corrupt(name, at, otherwise);
        }
    }

    /**
     * A chunk as the manifest names it, or as it turned out to be.
     *
     * @param check see {@link ChunkCheck}
     */
    private record Seen(ChunkName name, long check, int length, int stored) {
        boolean is(Seen claimed) {
            return name.equals(claimed.name) && length == claimed.length && stored == claimed.stored && (claimed.check == ChunkCheck.UNKNOWN || claimed.check == check);
        }
    }

    /**
     * Gives each chunk once, in the order of the file, to its end. What was taken may only be kept when this returns.
     *
     * @throws FerryException IMAGE_FILE_CORRUPT with the byte, INVALID_ARGUMENT when the file is too long
     */
    public void eachChunk(Taker taker) throws IOException {
        Map<Long, Seen> seen = new HashMap<>();
        long next = 0;
        for (ChunkList list : lists(manifest)) {
            for (int i = 0; i < list.getLengthsCount(); i++) {
                if (list.getStored(i) == 0) {
                    continue;
                }
                Seen chunk = new Seen(ChunkName.of(list.getHashes(), i), ChunkCheck.of(list.getChecks(), i), list.getLengths(i), list.getStored(i));
                long offset = list.getOffset(i);
                if (offset == next) {
                    Chunk read = read(chunk, offset);
                    taker.take(read);
                    // One that the manifest has was proved when it was read.
                    long check = chunk.check() == ChunkCheck.UNKNOWN ? ChunkCheck.of(ByteBuffer.wrap(read.plain())) : chunk.check();
                    seen.put(offset, new Seen(chunk.name(), check, chunk.length(), chunk.stored()));
                    next += chunk.stored();
                } else {
                    Seen before = seen.get(offset);
                    require(before != null && before.is(chunk), from.count(), "chunk " + chunk.name() + " does not lie where the manifest says");
                }
            }
        }
        long at = from.count();
        require(Arrays.equals(whole(from, name, END.length, "its end"), END), at, "its chunks do not end where the manifest says");
        require(from.read() == -1, from.count() - 1, "there is more behind its end");
    }

    private Chunk read(Seen chunk, long offset) throws IOException {
        long at = from.count();
        byte[] stored = whole(from, name, chunk.stored(), "chunk " + chunk.name());
        try {
            ByteBuffer room = ByteBuffer.allocate(StoredChunk.room(chunk.length(), stored.length));
            return new Chunk(chunk.name(), offset, stored, StoredChunk.plain(chunk.name(), chunk.check(), StoredChunk.Proof.NAME, chunk.length(), ByteBuffer.wrap(stored), room).array());
        } catch (StoredChunk.Damaged damaged) {
            throw corrupt(name, at, "chunk " + chunk.name() + ": " + damaged.getMessage());
        }
    }

    /** All lists of chunks, in the order that the format counts on. */
    static List<ChunkList> lists(Manifest manifest) {
        List<ChunkList> lists = new java.util.ArrayList<>();
        manifest.getFilesList().forEach(file -> lists.add(file.getChunks()));
        manifest.getVolumesList().forEach(volume -> volume.getEntriesList().forEach(entry -> lists.add(entry.getChunks())));
        return lists;
    }

    /** Memory is taken as bytes come, whatever length is claimed. */
    private static byte[] whole(Counted from, String name, int length, String what) throws IOException {
        byte[] bytes = from.readNBytes(length);
        if (bytes.length < length) {
            throw corrupt(name, from.count(), "it ends within " + what);
        }
        return bytes;
    }

    private static FerryException corrupt(String name, long at, String why) {
        return new FerryException(ErrorCode.IMAGE_FILE_CORRUPT, "Image file " + name + ", byte " + at + ": " + why);
    }

    /** Counts what is read, and refuses to read more than is allowed. */
    private static final class Counted extends InputStream {
        private final InputStream from;
        private final String name;
        private final long atMost;
        private long count;

        Counted(InputStream from, String name, long atMost) {
            this.from = from;
            this.name = name;
            this.atMost = atMost;
        }

        long count() {
            return count;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] into, int at, int length) throws IOException {
            int some = from.read(into, at, length);
            count += Math.max(0, some);
            if (count > atMost) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Image file " + name + " has more than the " + atMost + " bytes that are taken");
            }
            return some;
        }
    }
}
