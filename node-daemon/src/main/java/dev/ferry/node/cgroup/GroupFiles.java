package dev.ferry.node.cgroup;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/** Files of control groups, any of which may vanish between two looks: a group is gone as soon as somebody removes it. */
final class GroupFiles {
    private static final long LOOK_NANOS = 500_000;
    /** So often a file is removed between open and read at most, and is there again: groups that come and go all the time did it four times running. */
    private static final int LOOKS = 100;

    private GroupFiles() {}

    /** A group and those below it; one that is removed meanwhile may be missing, as its processes are. */
    static Stream<Path> withAllBelow(Path group) {
        return Stream.concat(Stream.of(group), below(group).stream().flatMap(GroupFiles::withAllBelow));
    }

    /** The groups in a group; none when it is gone. */
    static List<Path> below(Path group) {
        for (int look = 1; ; look++) {
            List<Path> children = new ArrayList<>();
            try (var entries = Files.newDirectoryStream(group, Files::isDirectory)) {
                entries.forEach(children::add);
                return children;
            } catch (NoSuchFileException gone) {
                // Removed between two looks: its last process has ended, so nothing below it is left to be found.
                return List.of();
            } catch (IOException | DirectoryIteratorException failed) {
                if (look == LOOKS) {
                    throw new UncheckedIOException("can't look into " + group, failed instanceof DirectoryIteratorException within ? within.getCause() : (IOException) failed);
                }
            }
        }
    }

    /** Host pids of a group's own processes. */
    static List<Integer> pids(Path group) {
        return read(group.resolve("cgroup.procs")).lines().map(Integer::valueOf).toList();
    }

    /**
     * Empty when the file is not there: the group is gone.
     *
     * @throws UncheckedIOException when it is there and can't be read, as for want of descriptors: a group that can't be seen is not an empty one
     */
    static String read(Path file) {
        for (int look = 1; ; look++) {
            try {
                return Files.readString(file);
            } catch (NoSuchFileException gone) {
                return "";
            } catch (IOException failed) {
                // ENODEV: the group was removed between open and read; one of its name may be there again.
                if (look == LOOKS) {
                    throw new UncheckedIOException("can't read " + file, failed);
                }
            }
        }
    }

    /** What a file lists, with blanks between; none when it is not there. */
    static List<String> words(Path file) {
        return List.of(read(file).trim().split("\\s+"));
    }

    /** Writes a value, and names both where the kernel refuses it. */
    static void write(Path file, String value) throws IOException {
        try {
            Files.writeString(file, value);
        } catch (IOException failed) {
            throw new IOException("can't write '" + value + "' to " + file + ": " + failed.getMessage(), failed);
        }
    }

    /** Looks every half millisecond until a condition holds; false: it did not in time. */
    static boolean await(Duration atMost, BooleanSupplier condition) {
        long end = System.nanoTime() + atMost.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > end) {
                return false;
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
        return true;
    }
}
