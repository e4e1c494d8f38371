package dev.ferry.common;

import java.time.Duration;

/**
 * Where work is done that nobody waits for: now, or after a while. In production each piece of work has a
 * virtual thread of its own and may block ({@link SystemScheduler}); a simulation decides the order itself.
 * Work that comes again and again catches Errors too before it asks for its next time: a stack that overflowed or a class
 * that is not there is the trouble of one look, and no reason never to look again. Memory that is at its end ends the process (-XX:+ExitOnOutOfMemoryError).
 */
public interface Scheduler {
    /** Work that is to be done later. */
    interface Timer {
        /** The work is not begun any more; work that has begun is left alone. */
        void cancel();
    }

    /** Does work soon. Two pieces of work may be done in any order and at the same time: see {@link Strand}. */
    void execute(Runnable work);

    /** Does work when a time on the monotonic clock has passed. */
    Timer after(Duration delay, Runnable work);
}
