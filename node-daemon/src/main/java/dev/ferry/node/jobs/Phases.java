package dev.ferry.node.jobs;

import dev.ferry.proto.v1.CommandProgress;
import dev.ferry.proto.v1.PhaseTime;
import dev.ferry.storage.ImageReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/** Measures the phases of one command and tells how far it is. One command at a time; thread-safe. */
final class Phases implements AutoCloseable {
    private static final long TELL_MILLIS = 200;
    private static final ScheduledExecutorService TICKER = ticker();

    private final String command;
    private final Outbox outbox;
    private final List<PhaseTime> done = new ArrayList<>();
    private final ScheduledFuture<?> tick;
    private String phase = "";
    private LongSupplier bytes = () -> 0;
    private long total;

    Phases(String command, Outbox outbox) {
        this.command = command;
        this.outbox = outbox;
        tick = TICKER.scheduleAtFixedRate(this::tell, TELL_MILLIS, TELL_MILLIS, TimeUnit.MILLISECONDS);
    }

    private static ScheduledExecutorService ticker() {
        ScheduledThreadPoolExecutor executor =
                new ScheduledThreadPoolExecutor(1, work -> Thread.ofPlatform().daemon().name("progress").unstarted(work));
        executor.setRemoveOnCancelPolicy(true);
        return executor;
    }

    /** A piece of work that may fail. */
    interface Work<T> {
        T run() throws Exception;
    }

    /** A piece of work without a result. */
    interface Act {
        void run() throws Exception;
    }

    /**
     * Runs one phase; it is recorded also when it fails.
     *
     * @param bytes how many bytes it has done so far
     * @param total how many there are; 0: not known
     */
    <T> T measure(String name, LongSupplier bytes, long total, Work<T> work) throws Exception {
        begin(name, bytes, total);
        tell();
        long start = System.nanoTime();
        try {
            return work.run();
        } finally {
            record(name, System.nanoTime() - start, bytes.getAsLong());
        }
    }

    void measure(String name, Act act) throws Exception {
        Object nothing =
                measure(
                        name,
                        () -> 0,
                        0,
                        () -> {
                            act.run();
                            return Boolean.TRUE;
                        });
    }

    /** Adds a phase that ran beside the others. */
    synchronized void record(String name, long nanos, long byteCount) {
        done.add(PhaseTime.newBuilder().setName(name).setMicros(Duration.ofNanos(nanos).toNanos() / 1000).setBytes(byteCount).build());
    }

    /** Adds from where the chunks of an image came. */
    void record(ImageReader.Origins origins) {
        Map<String, Long> all = new LinkedHashMap<>();
        all.put("from cache", origins.cache());
        all.put("from peer", origins.peer());
        all.put("from store", origins.store());
        all.forEach((name, count) -> {
            if (count > 0) {
                record(name, 0, count);
            }
        });
    }

    private synchronized void begin(String name, LongSupplier counter, long all) {
        phase = name;
        bytes = counter;
        total = all;
    }

    private void tell() {
        CommandProgress progress;
        synchronized (this) {
            if (phase.isEmpty()) {
                return;
            }
            progress = CommandProgress.newBuilder().setId(command).setPhase(phase).setBytesDone(bytes.getAsLong()).setBytesTotal(total).build();
        }
        outbox.progress(progress);
    }

    synchronized List<PhaseTime> done() {
        return List.copyOf(done);
    }

    @Override
    public void close() {
        boolean ignored = tick.cancel(false);
    }
}
