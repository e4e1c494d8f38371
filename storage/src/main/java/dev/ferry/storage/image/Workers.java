package dev.ferry.storage.image;

import dev.ferry.storage.Background;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;

/**
 * The threads that work behind whoever fills an image, shared by all images of a process. Cutters and namers are
 * apart: a cutter may wait for a buffer that only a namer frees, never the other way round.
 */
public final class Workers {
    /** Cutting is fast, and one run is cut by one thread: a second one is for a second run. */
    private static final int CUTTERS = 2;

    private final Executor cutters;
    private final Executor namers;

    private final Background background;
    private int standing;
    private volatile boolean behind;

    public Workers(Background background) {
        this.background = background;
        cutters = threads("cut", CUTTERS, background);
        namers = threads("chunks", Math.max(2, Runtime.getRuntime().availableProcessors()), background);
    }

    /** A job stands still from now on; {@link #goesOn} follows. */
    synchronized void standsStill() {
        if (standing++ == 0) {
            background.stepBack();
            behind = true;
        }
    }

    synchronized void goesOn() {
        if (--standing == 0) {
            comeForward();
        }
    }

    /** Somebody who empties a pipe waits for them: to be behind would make the freeze longer. */
    void awaited() {
        if (behind) {
            comeForward();
        }
    }

    private synchronized void comeForward() {
        if (behind) {
            behind = false;
            background.comeForward();
        }
    }

    private static Executor threads(String name, int count, Background background) {
        return Executors.newFixedThreadPool(
                count,
                work ->
                        Thread.ofPlatform()
                                .daemon()
                                .name(name)
                                .unstarted(
                                        () -> {
                                            background.enter();
                                            work.run();
                                        }));
    }

    /** For {@link Cutter}s. */
    Executor cutters() {
        return cutters;
    }

    /** For windows: they are named, compressed and put into packs. */
    Executor namers() {
        return namers;
    }
}
