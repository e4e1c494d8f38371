package dev.ferry.node.criu;

import dev.ferry.node.posix.DescriptorSocket;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Hangs up as soon as a conversation is not to go on: what is being sent may wait for a criu that takes nothing, for as long as it is frozen. */
final class HangUp implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(HangUp.class);
    private static final Duration LOOK = Duration.ofMillis(100);

    private final AtomicBoolean over = new AtomicBoolean();
    private final Thread thread;

    /** Whether somebody who waits goes on waiting. */
    interface Waits {
        boolean test() throws IOException;
    }

    HangUp(DescriptorSocket connection, Waits goesOn) {
        thread = Thread.ofPlatform().daemon().name("memory ahead").start(() -> watch(connection, goesOn));
    }

    private void watch(DescriptorSocket connection, Waits goesOn) {
        try {
            while (!over.get() && goesOn.test()) {
                LockSupport.parkNanos(LOOK.toNanos());
            }
        } catch (IOException | RuntimeException unclear) {
            LOG.warn("memory is not filled ahead: {}", unclear.toString());
        }
        if (!over.get()) {
            connection.shutdown();
        }
    }

    /** When it returns, the connection is not touched any more. */
    @Override
    public void close() {
        over.set(true);
        LockSupport.unpark(thread);
        try {
            thread.join();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
