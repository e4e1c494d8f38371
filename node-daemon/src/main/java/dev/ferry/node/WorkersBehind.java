package dev.ferry.node;

import dev.ferry.node.posix.Posix;
import dev.ferry.node.posix.PosixException;
import dev.ferry.storage.Background;
import java.util.HashSet;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The threads behind a dump, of a lower priority than all else; while a job stands still they are of Linux's class SCHED_IDLE, so that CRIU and whoever empties
 * its pipes never wait for one of them (docs/performance.md has the figures). They are never left in that class where the kernel does not let them out of it again.
 */
final class WorkersBehind implements Background {
    private static final Logger LOG = LoggerFactory.getLogger(WorkersBehind.class);
    private static final int NICENESS = 5;

    private final Set<Integer> threads = new HashSet<>();
    private final boolean mayComeBack;
    private boolean idle;

    private WorkersBehind(boolean mayComeBack) {
        this.mayComeBack = mayComeBack;
    }

    /** Tries on a thread of its own what the kernel allows. */
    static WorkersBehind open() throws InterruptedException {
        boolean[] back = new boolean[1];
        Thread trial =
                Thread.ofPlatform()
                        .daemon()
                        .name("scheduling")
                        .start(
                                () -> {
                                    try {
                                        Posix.setIdle(Posix.threadId(), true);
                                        Posix.setIdle(Posix.threadId(), false);
                                        back[0] = true;
                                    } catch (PosixException refused) {
                                        LOG.info("threads behind a dump stay at niceness {} while a job stands still: {}", NICENESS, refused.getMessage());
                                    }
                                });
        trial.join();
        return new WorkersBehind(back[0]);
    }

    @Override
    public void enter() {
        Posix.goBehind(NICENESS);
        synchronized (this) {
            int thread = Posix.threadId();
            threads.add(thread);
            if (mayComeBack) {
                // Either way: a thread begins in the class of the one that made it.
                set(thread, idle);
            }
        }
    }

    @Override
    public synchronized void stepBack() {
        if (mayComeBack) {
            idle = true;
            threads.forEach(thread -> set(thread, true));
        }
    }

    @Override
    public synchronized void comeForward() {
        if (idle) {
            idle = false;
            threads.forEach(thread -> set(thread, false));
        }
    }

    private static void set(int thread, boolean idle) {
        try {
            Posix.setIdle(thread, idle);
        } catch (PosixException refused) {
            LOG.warn("thread {} can't be put {} the class SCHED_IDLE: {}", thread, idle ? "into" : "out of", refused.getMessage());
        }
    }
}
