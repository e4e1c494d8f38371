package dev.ferry.cli.cluster;

import dev.ferry.node.sandbox.NativeHelper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;

/**
 * The wall clocks of a cluster's parts, each of which can be set alone: a library that is loaded before the C library adds to what it says. The kernel has
 * one wall clock for a machine, unlike the clocks that only count.
 */
final class WallClocks {
    private static final String LIBRARY = "libferry-clock.so";

    private final Path folder;

    WallClocks(Path folder) throws IOException {
        this.folder = Files.createDirectories(folder);
        NativeHelper.installClock(folder.resolve(LIBRARY));
    }

    /** Words before those that start a part. */
    List<String> before(String part) throws IOException {
        Path clock = folder.resolve(part);
        if (!Files.exists(clock)) {
            set(part, Duration.ZERO);
        }
        return List.of("env", "LD_PRELOAD=" + folder.resolve(LIBRARY).toAbsolutePath(), "FERRY_CLOCK=" + clock.toAbsolutePath());
    }

    /** Sets the clock of a part so far ahead of the machine's; it sees that at once. */
    void set(String part, Duration ahead) throws IOException {
        try (FileChannel file = FileChannel.open(folder.resolve(part), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            ByteBuffer nanos = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.nativeOrder()).putLong(ahead.toNanos()).flip();
            while (nanos.hasRemaining()) {
                int unused = file.write(nanos, nanos.position());
            }
        }
    }
}
