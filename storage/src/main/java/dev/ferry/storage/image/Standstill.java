package dev.ferry.storage.image;

import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * Holds back the threads behind images while a job stands still that goes on as soon as its bytes are taken: on a machine with few
 * cores they would take the time of CRIU and of whoever empties its pipes. Nobody is held back any more when one of the images has no
 * room for what comes, so that none waits for what they would make free. Safe for threads.
 */
final class Standstill {
    /** From so many cores on there is one for each of them. */
    private static final int ENOUGH_CORES = 4;
    /** However long jobs stand still, from the first of them on the threads are held back no longer: more than any dump that the spool has room for. */
    static final Duration LONGEST = Duration.ofSeconds(10);

    private final boolean fewCores;
    private final long longestNanos;
    private int images;
    private long since;
    private boolean roomIsShort;

    Standstill(int cores, Duration longest) {
        fewCores = cores < ENOUGH_CORES;
        longestNanos = longest.toNanos();
    }

    synchronized void begin() {
        if (images == 0) {
            since = System.nanoTime();
        }
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
        while (fewCores && images > 0 && !roomIsShort) {
            long left = since + longestNanos - System.nanoTime();
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
