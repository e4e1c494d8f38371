package dev.ferry.node.volumes;

import com.google.protobuf.ByteString;
import dev.ferry.common.FerryException;
import dev.ferry.node.posix.Posix;
import dev.ferry.node.posix.SparseFile;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.EntryKind;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.StoredVolume;
import dev.ferry.proto.v1.VolumeEntry;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ImageWriter;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Takes the folders of a frozen job into an image. The job stands still meanwhile, so that nothing can
 * change or be exchanged under our hands.
 *
 * <p>A file whose inode, size and times are as in the previous image is not read again. Two cases are
 * excepted, because writes would go unseen: files that the job has mapped shared and writable (their
 * pages change without a new change time), and files that were changed less than a second before the
 * previous image (the clock of change times is coarse). Of a file that is read, holes are not: see {@link FileContent}.
 */
public final class VolumeCapture {
    private static final long COARSE_NANOS = 1_000_000_000;

    private final ImageWriter image;
    private final Map<String, Map<ByteString, VolumeEntry>> previous = new HashMap<>();
    private final long previousCreatedNanos;
    private final Set<Long> mappedInodes;
    private long bytes;

    /**
     * @param before the job's previous image, if it was made on this node
     * @param mappedInodes inodes that the job has mapped shared and writable
     */
    public VolumeCapture(ImageWriter image, @Nullable Manifest before, Set<Long> mappedInodes) {
        this.image = image;
        this.mappedInodes = mappedInodes;
        previousCreatedNanos = before == null ? 0 : TimeUnit.MILLISECONDS.toNanos(before.getImage().getCreatedAt());
        if (before != null) {
            for (StoredVolume volume : before.getVolumesList()) {
                Map<ByteString, VolumeEntry> entries = new HashMap<>();
                volume.getEntriesList().forEach(entry -> entries.put(entry.getPath(), entry));
                previous.put(volume.getName(), entries);
            }
        }
    }

    /** Bytes of file content, read or known; holes are not counted. */
    public long bytes() {
        return bytes;
    }

    /**
     * @throws FerryException DISK errors name the file; the image's own errors pass through
     */
    public void capture(String name, Path folder) throws IOException, InterruptedException {
        walk(name, folder, folder, new HashMap<>());
    }

    private void walk(String volume, Path root, Path file, Map<Object, ByteString> linked) throws IOException, InterruptedException {
        FileFacts facts = FileFacts.of(file);
        int mode = facts.mode();
        if (facts.isSocket()) {
            // CRIU makes it anew when its owner lives; one without an owner is of no use.
            return;
        }
        ByteString path = VolumePaths.relative(root, file);
        VolumeEntry.Builder entry =
                VolumeEntry.newBuilder()
                        .setPath(path)
                        .setMode(mode & 07777)
                        .setUid(facts.uid())
                        .setGid(facts.gid())
                        .setModifiedAt(facts.modifiedNanos());
        if (facts.isSymlink()) {
            image.entry(volume, entry.setKind(EntryKind.SYMLINK).setTarget(ByteString.copyFrom(Posix.readLink(VolumePaths.bytes(file)))).build());
        } else if (facts.isDirectory()) {
            image.entry(volume, entry.setKind(EntryKind.DIRECTORY).build());
            try (DirectoryStream<Path> children = Files.newDirectoryStream(file)) {
                for (Path child : children) {
                    walk(volume, root, child, linked);
                }
            }
        } else if (facts.isRegular()) {
            regular(volume, file, entry, facts, linked);
        } else if (facts.isFifo()) {
            image.entry(volume, entry.setKind(EntryKind.FIFO).build());
        } else {
            throw new FerryException(ErrorCode.DUMP_OPEN_DEVICE, "The device node " + file + " in the job's folders can't be saved; remove it");
        }
    }

    private void regular(String volume, Path file, VolumeEntry.Builder entry, FileFacts facts, Map<Object, ByteString> linked)
            throws IOException, InterruptedException {
        long inode = facts.inode();
        long size = facts.size();
        if (facts.links() > 1) {
            ByteString first = linked.putIfAbsent(inode, entry.getPath());
            if (first != null) {
                image.entry(volume, entry.setKind(EntryKind.HARD_LINK).setTarget(first).build());
                return;
            }
        }
        boolean mapped = mappedInodes.contains(inode);
        entry.setKind(EntryKind.REGULAR).setSourceInode(inode).setSourceChangedAt(mapped ? 0 : facts.changedNanos());
        VolumeEntry before = previous.getOrDefault(volume, Map.of()).get(entry.getPath());
        if (before != null && unchanged(before, entry, size) && image.unchanged(volume, entry.clone().setSize(size).setChunks(before.getChunks()).build())) {
            bytes += notZero(before.getChunks());
            return;
        }
        try (SparseFile opened = SparseFile.open(VolumePaths.bytes(file), size);
                ByteSink sink = image.regular(volume, entry.build())) {
            FileContent content = new FileContent(opened, image, sink);
            content.give();
            bytes += content.bytes();
        }
    }

    private static long notZero(ChunkList chunks) {
        return IntStream.range(0, chunks.getLengthsCount()).filter(i -> chunks.getStored(i) > 0).mapToLong(chunks::getLengths).sum();
    }

    private boolean unchanged(VolumeEntry before, VolumeEntry.Builder now, long size) {
        return before.getKind() == EntryKind.REGULAR
                && now.getSourceChangedAt() != 0
                && before.getSourceChangedAt() == now.getSourceChangedAt()
                && before.getSourceInode() == now.getSourceInode()
                && before.getSize() == size
                && before.getModifiedAt() == now.getModifiedAt()
                && before.getSourceChangedAt() < previousCreatedNanos - COARSE_NANOS;
    }
}
