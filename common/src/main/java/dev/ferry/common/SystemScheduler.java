package dev.ferry.common;

import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The real scheduler: one timer thread that only hands out work, and a virtual thread for each piece of it. */
public final class SystemScheduler implements Scheduler, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SystemScheduler.class);

    private static final long ORDERLY_SECONDS = 2;

    private final ExecutorService workers;
    private final ScheduledThreadPoolExecutor timers;

    /**
     * @param name of its threads
     */
    public SystemScheduler(String name) {
        workers = Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name(name).factory());
        timers = new ScheduledThreadPoolExecutor(1, Thread.ofPlatform().daemon().name(name + " timers").factory());
        // A deadline that was met leaves nothing behind until it would have passed.
        timers.setRemoveOnCancelPolicy(true);
    }

    @Override
    public void execute(Runnable work) {
        try {
            workers.execute(() -> guarded(work));
        } catch (RejectedExecutionException closed) {
            LOG.debug("work is dropped, its scheduler is closed", closed);
        }
    }

    private static void guarded(Runnable work) {
        try {
            work.run();
        } catch (RuntimeException | Error failed) {
            LOG.error("a piece of work failed", failed);
        }
    }

    @Override
    public Timer after(Duration delay, Runnable work) {
        try {
            ScheduledFuture<?> timer = timers.schedule(() -> execute(work), delay.toNanos(), TimeUnit.NANOSECONDS);
            return () -> timer.cancel(false);
        } catch (RejectedExecutionException closed) {
            LOG.debug("a timer is dropped, its scheduler is closed", closed);
            return () -> {};
        }
    }

    /** Begins nothing any more, interrupts what is being done and waits a moment for its end. */
    @Override
    public void close() {
        timers.shutdownNow();
        workers.shutdownNow();
        try {
            if (!workers.awaitTermination(ORDERLY_SECONDS, TimeUnit.SECONDS)) {
                LOG.warn("work goes on though its scheduler is closed");
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
