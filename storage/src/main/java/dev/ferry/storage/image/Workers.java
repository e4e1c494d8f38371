package dev.ferry.storage.image;

import java.time.Duration;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;

/**
 * The threads that work behind whoever fills an image, shared by all images of a process. Cutters and namers are
 * apart: a cutter may wait for a buffer that only a namer frees, never the other way round.
 */
public final class Workers {
    /** Cutting is fast, and one run is cut by one thread: a second one is for a second run. */
    private static final int CUTTERS = 2;
    /**
     * Each thread keeps 0.8 MB outside the heap ({@link ChunkWorker}), of which a process may have little, and so many hash and compress faster than
     * any store takes what they make: more of them, on a machine of hundreds of CPUs, would only be more memory.
     */
    static final int MOST_NAMERS = 32;

    private static final int FRAMES = 12;
    private static final Set<String> NAMES = Set.of("cut", "chunks", PackWriter.THREADS);

    private final Executor cutters;
    private final Executor namers;
    private final Standstill standstill;

    /**
     * @param first done by each thread before its first task
     */
    public Workers(Runnable first) {
        this(first, Runtime.getRuntime().availableProcessors(), Standstill.LONGEST);
    }

    Workers(Runnable first, int cores, Duration longestStandstill) {
        standstill = new Standstill(cores, longestStandstill);
        cutters = threads("cut", CUTTERS, first);
        namers = threads("chunks", namers(cores), first);
    }

    static int namers(int cores) {
        return Math.clamp(cores, 2, MOST_NAMERS);
    }

    private static Executor threads(String name, int count, Runnable first) {
        return Executors.newFixedThreadPool(
                count,
                work ->
                        Thread.ofPlatform()
                                .daemon()
                                .name(name)
                                .unstarted(
                                        () -> {
                                            try {
                                                first.run();
                                            } finally {
                                                // The pool counts on this thread, whatever became of the first.
                                                work.run();
                                            }
                                        }));
    }

    /** What the threads behind images do now, for a log: a name and a few frames of each. */
    static String atWork() {
        StringBuilder text = new StringBuilder();
        Thread.getAllStackTraces()
                .forEach(
                        (thread, frames) -> {
                            if (NAMES.contains(thread.getName())) {
                                text.append(System.lineSeparator()).append(thread.getName()).append(' ').append(thread.getState());
                                Arrays.stream(frames).limit(FRAMES).forEach(frame -> text.append(System.lineSeparator()).append("    at ").append(frame));
                            }
                        });
        return text.toString();
    }

    /** What holds these threads back. */
    Standstill standstill() {
        return standstill;
    }

    /** For {@link Cutter}s. */
    void cut(Runnable task) {
        cutters.execute(behind(task));
    }

    /** For windows: they are named, compressed and put into packs. */
    void name(Runnable task) {
        namers.execute(behind(task));
    }

    private Runnable behind(Runnable task) {
        return () -> {
            standstill.await();
            task.run();
        };
    }
}
