package dev.ferry.cli.cluster;

import dev.ferry.common.FerryException;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;

/**
 * Starts the parts of a local cluster again that end though nobody asked them to, as systemd does on real machines. A part
 * that ends again and again is left alone after a while: what is wrong with it is in its log.
 */
public final class Supervisor implements AutoCloseable {
    private static final int MOST_STARTS = 3;
    private static final Duration WITHIN = Duration.ofMinutes(1);

    private final Consumer<String> tell;
    private final ExecutorService work = Executors.newCachedThreadPool(Thread.ofPlatform().daemon().name("supervisor").factory());
    private final Map<String, Deque<Long>> starts = new HashMap<>();

    /** Brings a part back. */
    interface Start {
        void again() throws IOException;
    }

    /**
     * @param tell gets a line for each end and each start
     */
    Supervisor(Consumer<String> tell) {
        this.tell = tell;
    }

    /** Starts a part again when it ends unasked; whoever starts it has the new one watched too. */
    void watch(Part part, Start start) {
        var unused = part.endUnasked().thenAccept(status -> submit(() -> restart(part, status, start)));
    }

    private void submit(Runnable task) {
        try {
            work.execute(task);
        } catch (RejectedExecutionException closed) {
            // The cluster is being stopped: all parts end now.
        }
    }

    private void restart(Part part, int status, Start start) {
        if (work.isShutdown()) {
            return;
        }
        if (!mayStart(part.name())) {
            tell.accept(part.name() + " ended with status " + status + " for the " + (MOST_STARTS + 1) + "th time within " + WITHIN.toSeconds() + " s and is not started again; see " + part.log());
            return;
        }
        tell.accept(part.name() + " ended with status " + status + "; it is started again");
        try {
            start.again();
            tell.accept(part.name() + " is there again");
        } catch (IOException | FerryException failed) {
            // It is watched from its start on: if it has ended, that is another end.
            tell.accept(part.name() + " can't be started again, or is not ready yet: " + failed.getMessage());
        }
    }

    private synchronized boolean mayStart(String name) {
        Deque<Long> times = starts.computeIfAbsent(name, key -> new ArrayDeque<>());
        long now = System.nanoTime();
        times.removeIf(time -> now - time > WITHIN.toNanos());
        if (times.size() == MOST_STARTS) {
            return false;
        }
        times.add(now);
        return true;
    }

    /** Starts nothing any more; a start that is under way comes to its end. */
    @Override
    public void close() {
        work.close();
    }
}
