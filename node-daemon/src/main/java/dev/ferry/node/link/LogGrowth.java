package dev.ferry.node.link;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Waits until a log grows, by the kernel's notification; looks by itself once a second, because a job may also end. */
final class LogGrowth implements AutoCloseable {
    private static final long LOOK_SECONDS = 1;
    private static final long LINGER_MILLIS = 20;

    private final @Nullable WatchService service;

    private LogGrowth(@Nullable WatchService service) {
        this.service = service;
    }

    static LogGrowth none() {
        return new LogGrowth(null);
    }

    static LogGrowth of(Path log) throws IOException {
        Path folder = log.toAbsolutePath().getParent();
        if (folder == null || !Files.isDirectory(folder)) {
            return none();
        }
        WatchService service = folder.getFileSystem().newWatchService();
        try {
            WatchKey ignored = folder.register(service, StandardWatchEventKinds.ENTRY_MODIFY, StandardWatchEventKinds.ENTRY_CREATE, StandardWatchEventKinds.ENTRY_DELETE);
        } catch (IOException failed) {
            service.close();
            throw failed;
        }
        return new LogGrowth(service);
    }

    void await() throws InterruptedException {
        if (service == null) {
            TimeUnit.MILLISECONDS.sleep(LINGER_MILLIS);
            return;
        }
        WatchKey key = service.poll(LOOK_SECONDS, TimeUnit.SECONDS);
        if (key != null) {
            key.pollEvents().clear();
            boolean ignored = key.reset();
        }
    }

    @Override
    public void close() throws IOException {
        if (service != null) {
            service.close();
        }
    }
}
