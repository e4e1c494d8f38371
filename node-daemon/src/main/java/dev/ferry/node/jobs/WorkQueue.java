package dev.ferry.node.jobs;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Pieces of work one after the other, on a thread that there is only while there is work: a node keeps the records of many jobs that have ended. A piece that fails does not end those
 * behind it. Safe for threads.
 */
final class WorkQueue {
    private static final Logger LOG = LoggerFactory.getLogger(WorkQueue.class);

    private static final Duration AGAIN = Duration.ofSeconds(1);

    private final String name;
    private final Deque<Runnable> waiting = new ArrayDeque<>();
    private @Nullable Thread thread;
    private boolean stopped;

    /**
     * @param name of the thread
     */
    WorkQueue(String name) {
        this.name = name;
    }

    /**
     * Adds a piece of work.
     *
     * @return false: this is stopped, and it is not done
     */
    synchronized boolean add(Runnable piece) {
        if (stopped) {
            return false;
        }
        waiting.add(piece);
        wake();
        return true;
    }

    /** Whether work waits for what is being worked on, or that is to come to its end. */
    synchronized boolean isWaitedFor() {
        return stopped || !waiting.isEmpty();
    }

    private synchronized void wake() {
        if (thread != null || waiting.isEmpty() || stopped) {
            return;
        }
        Thread next = Thread.ofPlatform().daemon().name(name).unstarted(this::work);
        try {
            next.start();
            thread = next;
        } catch (OutOfMemoryError noThread) {
            // Whoever gave the work was told that it will be done.
            LOG.error("{}: no thread can be had; it is tried again in {} s", name, AGAIN.toSeconds(), noThread);
            CompletableFuture.delayedExecutor(AGAIN.toMillis(), TimeUnit.MILLISECONDS).execute(this::wake);
        }
    }

    /** Adds a piece of work after some time. */
    void addLater(Duration after, Runnable piece) {
        addLater(after, () -> true, piece);
    }

    /**
     * @param isNeeded asked by then, by another thread; what is not needed any more keeps nobody waiting
     */
    void addLater(Duration after, BooleanSupplier isNeeded, Runnable piece) {
        CompletableFuture.delayedExecutor(after.toMillis(), TimeUnit.MILLISECONDS)
                .execute(
                        () -> {
                            if (isNeeded.getAsBoolean()) {
                                boolean ignored = add(piece);
                            }
                        });
    }

    private void work() {
        for (Runnable piece = next(); piece != null; piece = next()) {
            try {
                piece.run();
            } catch (RuntimeException | Error failed) {
                LOG.error("{}: a piece of work went wrong", name, failed);
            }
        }
    }

    private synchronized @Nullable Runnable next() {
        Runnable next = stopped ? null : waiting.poll();
        if (next == null) {
            thread = null;
        }
        return next;
    }

    /** Begins nothing more. */
    synchronized void stop() {
        stopped = true;
    }

    /** Interrupts what is being worked on, too. */
    synchronized void interrupt() {
        stopped = true;
        Thread working = thread;
        if (working != null) {
            working.interrupt();
            LockSupport.unpark(working);
        }
    }
}
