package dev.ferry.cli.bench;

import dev.ferry.common.FerryException;
import dev.ferry.node.criu.CriuBinary;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The workload as a plain process, and what a user does with it by hand: criu dump and restore with images in main memory
 * (tmpfs), or those images packed by tar and zstd and copied.
 */
final class BareJob implements AutoCloseable {
    private static final Pattern FROZEN = Pattern.compile("(?:Freezing|Frozen) time: (\\d+) us");

    private final Path criu;
    private final Path images;
    private final Path disk;
    private final int pid;

    private BareJob(Path criu, Path images, Path disk, int pid) {
        this.criu = criu;
        this.images = images;
        this.disk = disk;
        this.pid = pid;
    }

    /**
     * Starts the workload and waits until its memory is filled.
     *
     * @param memory folder on a tmpfs
     * @param disk folder on the disk on which the store is
     */
    static BareJob start(Path program, Load load, Path memory, Path disk) throws IOException, InterruptedException {
        return start(load.command(program.toString()), memory, disk);
    }

    /** The same with any command that numbers its steps. */
    static BareJob start(List<String> words, Path memory, Path disk) throws IOException, InterruptedException {
        Path log = disk.resolve("bare.log");
        // A session of its own: CRIU can't dump half of one.
        List<String> command = new ArrayList<>(List.of("setsid"));
        command.addAll(words);
        Process process =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectInput(Path.of("/dev/null").toFile())
                        .redirectOutput(log.toFile())
                        .start();
        long end = System.nanoTime() + Tool.LONG.toNanos();
        while (!Files.readString(log).contains("step 3 ")) {
            if (!process.isAlive() || System.nanoTime() > end) {
                process.destroyForcibly();
                throw new FerryException(ErrorCode.START_FAILED, "The workload did not start: " + Files.readString(log));
            }
            LockSupport.parkNanos(20_000_000);
        }
        return new BareJob(CriuBinary.find(null).path(), memory, disk, (int) process.pid());
    }

    /** It stands still until that is closed. */
    StandStill standStill() throws IOException {
        return StandStill.of(List.of(pid));
    }

    /** Whole lines that it has written. */
    List<String> log() throws IOException {
        String text = Files.readString(disk.resolve("bare.log"));
        return text.substring(0, text.lastIndexOf('\n') + 1).lines().toList();
    }

    /** Seconds for which {@code criu dump -R} stops it. */
    double dumpRunning() throws IOException, InterruptedException {
        Path folder = fresh("dump");
        String said = Tool.run(List.of(criu.toString(), "dump", "--tree", Integer.toString(pid), "--images-dir", folder.toString(), "--leave-running", "--display-stats", "--log-file", "dump.log"));
        Matcher times = FROZEN.matcher(said);
        double micros = 0;
        while (times.find()) {
            micros += Long.parseLong(times.group(1));
        }
        clear(folder);
        if (micros == 0) {
            throw new FerryException(ErrorCode.INTERNAL, "criu dump did not say how long it stopped the process: " + said);
        }
        return micros / 1e6;
    }

    /** What a move took, and how much of it its restore, in seconds. */
    record Moved(double all, double restore) {}

    /** By {@code criu dump} and {@code criu restore}, with the images on tmpfs. */
    Moved move() throws IOException, InterruptedException {
        Path folder = fresh("move");
        long begin = System.nanoTime();
        dump(folder);
        long dumped = System.nanoTime();
        restore(folder);
        Moved moved = new Moved(seconds(begin), seconds(dumped));
        clear(folder);
        return moved;
    }

    /** The same with the images packed by tar and zstd, copied as a file, and unpacked. */
    Moved moveByFile() throws IOException, InterruptedException {
        Path folder = fresh("packed");
        Path target = fresh("unpacked");
        Path file = disk.resolve("packed.tar.zst");
        Path copy = disk.resolve("copied.tar.zst");
        long begin = System.nanoTime();
        dump(folder);
        Tool.run(List.of("bash", "-c", "set -o pipefail; tar -C " + folder + " -cf - . | zstd -q -1 -T0 -f -o " + file));
        Tool.run(List.of("cp", file.toString(), copy.toString()));
        Tool.run(List.of("bash", "-c", "set -o pipefail; zstd -q -d -c " + copy + " | tar -C " + target + " -xf -"));
        long unpacked = System.nanoTime();
        restore(target);
        Moved moved = new Moved(seconds(begin), seconds(unpacked));
        clear(folder);
        clear(target);
        Files.delete(file);
        Files.delete(copy);
        return moved;
    }

    private static double seconds(long since) {
        return (System.nanoTime() - since) / 1e9;
    }

    private void dump(Path folder) throws IOException, InterruptedException {
        List<ProcessHandle> others = ProcessHandle.of(pid).stream().flatMap(ProcessHandle::descendants).toList();
        Tool.run(List.of(criu.toString(), "dump", "--tree", Integer.toString(pid), "--images-dir", folder.toString(), "--log-file", "dump.log"));
        // Their numbers must be free for the restore.
        ProcessHandle.of(pid).ifPresent(ended -> ended.onExit().join());
        others.forEach(ended -> ended.onExit().join());
    }

    private void restore(Path folder) throws IOException, InterruptedException {
        Tool.run(List.of(criu.toString(), "restore", "--restore-detached", "--images-dir", folder.toString(), "--log-file", "restore.log"));
    }

    private Path fresh(String name) throws IOException {
        return Files.createDirectories(images.resolve(name));
    }

    private static void clear(Path folder) throws IOException, InterruptedException {
        Tool.run(List.of("rm", "-rf", folder.toString()));
    }

    @Override
    public void close() {
        // The others end with it.
        ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
    }
}
