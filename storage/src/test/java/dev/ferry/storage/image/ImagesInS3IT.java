package dev.ferry.storage.image;

import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.Stores;
import dev.ferry.storage.object.S3Server;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

class ImagesInS3IT extends ImagesContract {
    private static final AtomicInteger PREFIXES = new AtomicInteger();

    @TempDir static Path folder;
    private static S3Server server;

    @BeforeAll
    static void start() throws Exception {
        server = new S3Server(folder, false);
    }

    @AfterAll
    static void stop() throws Exception {
        server.close();
    }

    @Override
    ObjectStore open() {
        return Stores.open(server.plain("images-" + PREFIXES.incrementAndGet()));
    }
}
