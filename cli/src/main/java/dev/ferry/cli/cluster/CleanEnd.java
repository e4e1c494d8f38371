package dev.ferry.cli.cluster;

import java.util.concurrent.CountDownLatch;

/**
 * While it is open, a process that is told to end (Ctrl-C, SIGTERM) says so to whoever works and waits until it has cleaned up, however
 * long that takes: a second signal of somebody impatient is SIGKILL.
 */
public final class CleanEnd implements AutoCloseable {
    private final CountDownLatch cleaned = new CountDownLatch(1);

    private CleanEnd(Runnable tell) {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> end(tell)));
    }

    /**
     * @param tell what is done at the signal: it asks for the end and does not wait for it
     */
    public static CleanEnd telling(Runnable tell) {
        return new CleanEnd(tell);
    }

    /** Interrupts the thread that calls this. */
    public static CleanEnd interrupting() {
        return new CleanEnd(Thread.currentThread()::interrupt);
    }

    private void end(Runnable tell) {
        tell.run();
        try {
            cleaned.await();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** All is clean: the process may end. */
    @Override
    public void close() {
        cleaned.countDown();
    }
}
