package dev.ferry.storage.image;

import java.util.concurrent.TimeUnit;

/**
 * Holds back the threads behind images while a job stands still that goes on as soon as its bytes are taken: on a machine with few
 * cores they would take the time of CRIU and of whoever empties its pipes. Nobody is held back any more when one of the images has no
 * room for what comes, so that none waits for what they would make free. Safe for threads.
 */
final class Standstill {
    /** From so many cores on there is one for each of them. */
    private static final int ENOUGH_CORES = 4;
    /** However long the job stands still, they wait no longer: more than any dump that the spool has room for. */
    private static final long LONGEST_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final boolean fewCores;
    private int images;
    private boolean roomIsShort;

    Standstill(int cores) {
        fewCores = cores < ENOUGH_CORES;
    }

    synchronized void begin() {
        images++;
    }

    synchronized void end() {
        images--;
        if (images == 0) {
            roomIsShort = false;
            notifyAll();
        }
    }

    /** Somebody waits for room that the threads behind make free. */
    synchronized void makeRoom() {
        if (images > 0) {
            roomIsShort = true;
            notifyAll();
        }
    }

    /** Returns when no image holds back. */
    synchronized void await() {
        long end = System.nanoTime() + LONGEST_NANOS;
        while (fewCores && images > 0 && !roomIsShort) {
            long left = end - System.nanoTime();
            if (left <= 0) {
                return;
            }
            try {
                TimeUnit.NANOSECONDS.timedWait(this, left);
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }
}
