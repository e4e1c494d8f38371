package dev.ferry.node;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * What only one daemon of a machine may have: its data folder, and its control group. Two with one group and two folders would each take the
 * other's jobs for what a lost daemon left, and kill them. The kernel lets a lock go when its process ends, however it ends.
 */
final class Locks implements AutoCloseable {
    private static final Path OF_GROUPS = Path.of("/run/ferry");

    private final FileChannel data;
    private final FileChannel group;

    private Locks(FileChannel data, FileChannel group) {
        this.data = data;
        this.group = group;
    }

    /**
     * Takes both.
     *
     * @throws FerryException WRONG_STATE when another daemon has one of them
     */
    static Locks take(Path data, String cgroup) throws IOException {
        Files.createDirectories(OF_GROUPS);
        FileChannel held = lock(data.resolve("lock"), "Another daemon uses the folder " + data + "; give each node its own 'data'");
        try {
            // The same group, however it is written.
            String name = Path.of("/" + cgroup).normalize().toString().substring(1).replace('/', ':');
            return new Locks(held, lock(OF_GROUPS.resolve(name + ".lock"), "Another daemon uses the control group " + cgroup + "; give each node of a machine its own 'cgroup'"));
        } catch (IOException | RuntimeException failed) {
            held.close();
            throw failed;
        }
    }

    private static FileChannel lock(Path file, String refusal) throws IOException {
        FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock held = null;
        try {
            held = channel.tryLock();
        } catch (OverlappingFileLockException ours) {
            // Another daemon in this very process.
        }
        if (held == null) {
            channel.close();
            throw new FerryException(ErrorCode.WRONG_STATE, refusal);
        }
        return channel;
    }

    @Override
    public void close() throws IOException {
        group.close();
        data.close();
    }
}
