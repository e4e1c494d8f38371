package dev.ferry.storage.plain;

import com.google.protobuf.UnknownFieldSet;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Requirements;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.look.CriuFile;
import dev.ferry.storage.object.FolderStore;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * A folder that {@code criu dump} has written, and an image's file made of it. Nothing of the folder is changed. What CRIU
 * puts there beside its images (logs, statistics) is left.
 */
public final class PlainFolder implements PlainFiles {
    /** What a dump of another cluster is called until it gets an id of its own. */
    private static final String NO_ID = "criu-dump.1";

    private static final String IMAGES = ".img";
    private static final String PARENT = "parent";
    private static final int BUFFERS = 16;
    private static final long LARGEST_FILE = 64 << 20;

    private final Path folder;
    private final Set<String> names;

    private PlainFolder(Path folder, Set<String> names) {
        this.folder = folder;
        this.names = names;
    }

    /** Looks which files are there. */
    public static PlainFolder open(Path folder) throws IOException {
        Set<String> names = new TreeSet<>();
        try (Stream<Path> files = Files.list(folder)) {
            files.forEach(
                    file -> {
                        String name = file.getFileName().toString();
                        if (name.equals(PARENT) || (name.endsWith(IMAGES) && Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS))) {
                            names.add(name);
                        }
                    });
        }
        return new PlainFolder(folder, names);
    }

    static CriuFile.Entry empty() {
        return new CriuFile.Entry(UnknownFieldSet.getDefaultInstance());
    }

    @Override
    public Set<String> names() {
        return names;
    }

    @Override
    public byte[] read(String name) {
        try {
            if (size(name) > LARGEST_FILE) {
                throw PlainDump.refused(name + " has " + size(name) + " bytes, and no such file of CRIU has more than " + LARGEST_FILE);
            }
            // The folder may be another user's, who could put a link there meanwhile.
            try (InputStream content = Files.newInputStream(folder.resolve(name), LinkOption.NOFOLLOW_LINKS)) {
                return content.readNBytes((int) LARGEST_FILE + 1);
            }
        } catch (IOException unreadable) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "The dump's file " + folder.resolve(name) + " can't be read: " + unreadable.getMessage(), unreadable);
        }
    }

    private long size(String name) {
        return folder.resolve(name).toFile().length();
    }

    /** A dump that has become an image, in a folder of its own. */
    public interface Prepared {
        /** Writes it as an image's file. */
        void to(OutputStream file) throws IOException;
    }

    /**
     * Makes an image of the dump, if a job can come of it.
     *
     * @param spec of that job; without a name and a command it gets those of the dump's first process
     * @param work an empty folder, which has as much room as the compressed dump takes; whoever gave it clears it afterwards
     * @throws FerryException INVALID_ARGUMENT that names everything that keeps it from becoming a job; nothing is written then
     */
    public Prepared prepare(JobSpec spec, Path work) throws IOException, InterruptedException {
        PlainDump dump = PlainDump.read(this);
        PlainCheck.require(dump, spec);
        long memory = PlainPages.require(dump, this::size);
        Images images = new Images(new FolderStore(work));
        try (ImageWriter writer = images.write(NO_ID, Optional.empty(), new BufferPool(BUFFERS, Images.WINDOW_BYTES))) {
            for (String name : names) {
                copy(writer, name);
            }
            JobSpec.Builder whole = spec.toBuilder().addCommand(dump.program());
            if (spec.getName().isEmpty()) {
                whole.setName(name(dump));
            }
            writer.spec(whole.build());
            Image ignored = writer.commit(facts(dump, whole, memory));
        }
        return file -> {
            long written = images.exportFile(NO_ID, file);
            assert written > 0;
        };
    }

    /** Of what a process calls itself only what a job's name may have. */
    private static String name(PlainDump dump) {
        String name = dump.name().replaceAll("[^A-Za-z0-9._-]", "-").replaceAll("^[^A-Za-z0-9]+", "");
        return name.isEmpty() ? "dump" : name;
    }

    /** What is known of where it was made: not which processor, kernel and criu. */
    private Image facts(PlainDump dump, JobSpec.Builder spec, long memory) throws IOException {
        return Image.newBuilder()
                .setId(NO_ID)
                .setPlainDump(true)
                .setMemoryBytes(memory)
                .setCreatedAt(Files.getLastModifiedTime(folder.resolve(CriuFile.INVENTORY)).toMillis())
                .setRequirements(Requirements.newBuilder().setArchitecture(PlainCheck.architecture(dump)).addAllMounts(spec.getMountsList()).setWorkdir(spec.getWorkdir()))
                .build();
    }

    private void copy(ImageWriter writer, String name) throws IOException, InterruptedException {
        try (FileChannel file = FileChannel.open(folder.resolve(name), StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
                ByteSink sink = writer.file(name)) {
            boolean more = true;
            while (more) {
                ByteBuffer buffer = writer.take();
                more = fill(file, buffer, writer.buffers());
                if (buffer.flip().hasRemaining()) {
                    sink.write(buffer);
                } else {
                    writer.buffers().give(buffer);
                }
            }
        }
    }

    /** @return false: the file has ended */
    private static boolean fill(FileChannel file, ByteBuffer buffer, BufferPool buffers) throws IOException {
        try {
            while (buffer.hasRemaining()) {
                if (file.read(buffer) < 0) {
                    return false;
                }
            }
            return true;
        } catch (IOException unreadable) {
            buffers.give(buffer);
            throw unreadable;
        }
    }
}
