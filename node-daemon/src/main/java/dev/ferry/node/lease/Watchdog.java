package dev.ferry.node.lease;

import dev.ferry.node.posix.Posix;
import dev.ferry.node.sandbox.NativeHelper;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The process that freezes the jobs: found running, as an earlier daemon left it, or started. See ferry-watchdog.c. */
final class Watchdog {
    private static final Logger LOG = LoggerFactory.getLogger(Watchdog.class);
    private static final int SIGKILL = 9;

    private final Path folder;
    private final Path group;
    private final boolean v1;
    private final LeaseFile lease;

    /**
     * @param group folder of the control group in the hierarchy that freezes
     */
    Watchdog(Path folder, Path group, boolean v1, LeaseFile lease) {
        this.folder = folder;
        this.group = group;
        this.v1 = v1;
        this.lease = lease;
    }

    /** The watchdog that runs here; empty: none does. A lock of the kernel says so, because pids are used again. */
    OptionalLong running() throws IOException {
        Path lock = folder.resolve("lock");
        if (!Files.exists(lock)) {
            return OptionalLong.empty();
        }
        try (FileChannel file = FileChannel.open(lock, StandardOpenOption.WRITE);
                FileLock ours = file.tryLock()) {
            return ours == null ? OptionalLong.of(lease.watchdog()) : OptionalLong.empty();
        }
    }

    /** Starts one; if another is being started at the same time one of the two ends by itself. */
    void start() throws IOException {
        Path program = folder.resolve("ferry-watchdog");
        NativeHelper.installWatchdog(program);
        Path log = folder.resolve("watchdog.log");
        Process process =
                new ProcessBuilder(List.of(program.toString(), folder.toString(), group.toString(), v1 ? "v1" : "v2"))
                        .directory(folder.toFile())
                        .redirectErrorStream(true)
                        .redirectInput(Path.of("/dev/null").toFile())
                        .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                        .start();
        LOG.info("ferry-watchdog runs as process {}", process.pid());
    }

    /** Whether one that runs looks after the group that this is for, and not after the one that the daemon had before its configuration was changed. */
    boolean isOfOurGroup(long pid) throws IOException {
        return words(pid).contains(group.toString());
    }

    /** The command line of a process; empty: it is gone. */
    private static List<String> words(long pid) throws IOException {
        Path words = Path.of("/proc", Long.toString(pid), "cmdline");
        return Files.exists(words) ? List.of(Files.readString(words, StandardCharsets.ISO_8859_1).split("\0")) : List.of();
    }

    /** Ends one that is stopped or stuck, or of another group. */
    void kill(long pid) throws IOException {
        if (!words(pid).contains(folder.toString())) {
            return;
        }
        Posix.kill((int) pid, SIGKILL);
        boolean ignored = Posix.awaitDeath((int) pid, Duration.ofSeconds(1));
    }
}
