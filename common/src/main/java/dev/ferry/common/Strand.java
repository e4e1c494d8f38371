package dev.ferry.common;

import java.util.ArrayDeque;
import java.util.Queue;

/** Work that is done one piece after the other, in the order in which it came. Holds no thread while there is none. */
public final class Strand {
    private final Scheduler scheduler;
    private final Queue<Runnable> queue = new ArrayDeque<>();
    private boolean busy;

    public Strand(Scheduler scheduler) {
        this.scheduler = scheduler;
    }

    public void execute(Runnable work) {
        synchronized (queue) {
            queue.add(work);
            if (busy) {
                return;
            }
            busy = true;
        }
        scheduler.execute(this::next);
    }

    /** One piece at a time, so that a long queue keeps nobody else from a turn. */
    private void next() {
        Runnable work;
        synchronized (queue) {
            work = queue.remove();
        }
        try {
            work.run();
        } finally {
            boolean more;
            synchronized (queue) {
                more = !queue.isEmpty();
                busy = more;
            }
            if (more) {
                scheduler.execute(this::next);
            }
        }
    }
}
