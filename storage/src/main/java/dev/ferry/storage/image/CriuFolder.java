package dev.ferry.storage.image;

import dev.ferry.common.DurableFile;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.StoredFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;

/**
 * CRIU's own files of an image in a folder, as {@code criu dump} leaves them, for CRIU's tools. The job's folders, which
 * CRIU knows nothing of, are not among them.
 */
public final class CriuFolder {
    private final Path folder;
    private final Map<Long, List<Place>> places = new HashMap<>();

    /** Where in which file a chunk is wanted. */
    private record Place(Path file, long at) {}

    private CriuFolder(Path folder) {
        this.folder = folder;
    }

    /**
     * Writes all of them; the folder is there when all are durable, or not at all.
     *
     * @param folder does not exist; only its owner can look into it
     * @throws dev.ferry.common.FerryException as {@link ImageFile#eachChunk}
     */
    public static void write(ImageFile image, Path folder) throws IOException {
        Path parent = Objects.requireNonNull(folder.toAbsolutePath().getParent());
        // Of a name that nobody has: what is removed when it fails is ours.
        Path unfinished = Files.createTempDirectory(parent, "." + folder.getFileName() + "-", PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        try {
            new CriuFolder(unfinished).write(image);
            Files.move(unfinished, folder, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            delete(unfinished);
        }
        DurableFile.syncFolder(parent);
    }

    private static void delete(Path folder) throws IOException {
        if (Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
            try (Stream<Path> files = Files.list(folder)) {
                for (Path file : files.toList()) {
                    Files.delete(file);
                }
            }
            Files.delete(folder);
        }
    }

    private void write(ImageFile image) throws IOException {
        for (StoredFile file : image.manifest().getFilesList()) {
            plan(folder.resolve(file.getName()), file.getChunks());
        }
        image.eachChunk(chunk -> {
            for (Place place : places.getOrDefault(chunk.offset(), List.of())) {
                put(place.file(), place.at(), chunk.plain());
            }
        });
        for (StoredFile file : image.manifest().getFilesList()) {
            finish(folder.resolve(file.getName()), file.getSize());
        }
        DurableFile.syncFolder(folder);
    }

    private void plan(Path file, ChunkList chunks) {
        long at = 0;
        for (int i = 0; i < chunks.getLengthsCount(); i++) {
            if (chunks.getStored(i) > 0) {
                places.computeIfAbsent(chunks.getOffset(i), offset -> new ArrayList<>()).add(new Place(file, at));
            }
            at += chunks.getLengths(i);
        }
    }

    private static FileChannel open(Path file) throws IOException {
        return FileChannel.open(file, Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE), PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    }

    /** No file stays open: an image of many processes has thousands. */
    private static void put(Path file, long at, byte[] bytes) throws IOException {
        try (FileChannel channel = open(file)) {
            ByteBuffer rest = ByteBuffer.wrap(bytes);
            while (rest.hasRemaining()) {
                int written = channel.write(rest, at + rest.position());
                assert written >= 0;
            }
        }
    }

    /** Zeros that were written nowhere are a hole, also at the end. */
    private static void finish(Path file, long size) throws IOException {
        try (FileChannel channel = open(file)) {
            if (channel.size() < size) {
                int written = channel.write(ByteBuffer.wrap(new byte[1]), size - 1);
                assert written == 1;
            }
            channel.force(true);
        }
    }
}
