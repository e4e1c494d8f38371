package dev.ferry.node.jobs;

import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.ImageWriter;

/**
 * What dumps take of this process's heap: each chunk of an image has its place in lists until the manifest is written. A daemon whose heap is at its end
 * ends, with its jobs frozen, so what a dump will take for the job's memory is asked before its job is stopped; what it takes for the job's folders, which nobody
 * has measured, as it comes. What is listed of memory that is filled ahead counts as well, and is not filled where there is no room. Safe for threads.
 */
final class DumpHeap {
    /** There is one heap. */
    static final DumpHeap OF_PROCESS = new DumpHeap(Runtime.getRuntime().maxMemory());

    /** Of memory, in bytes: 62 pages on average, as PageCutter cuts it. */
    private static final long CHUNK = 248 << 10;
    /** Bytes of heap that a chunk takes at most, by the sizes of the objects that hold it, added up and not measured: 1.4 to 2.3 MB for each GiB of a job. */
    private static final long EACH = 550;
    /** The rest is for all else that the daemon does, and for the collector. */
    private static final double SHARE = 0.6;

    private final long most;
    private long taken;

    /**
     * @param heap how large it may become, in bytes
     */
    DumpHeap(long heap) {
        most = (long) (heap * SHARE);
    }

    /** Bytes of heap for a job with so much memory. */
    static long estimate(long memoryBytes) {
        return Math.ceilDiv(memoryBytes, CHUNK) * EACH;
    }

    Use begin() {
        return new Use();
    }

    private interface Refusal {
        /**
         * @param beside what others have taken, or nothing
         * @param enough MiB of heap that would do
         */
        String of(String beside, long enough);
    }

    private synchronized void take(long wanted, Refusal refusal) {
        if (wanted > most - taken) {
            String beside = taken == 0 ? "" : " beside the " + Sizes.format(taken) + " of the dumps that are under way";
            long enough = Math.ceilDiv((long) ((taken + wanted) / SHARE), 1 << 20);
            throw new FerryException(ErrorCode.OBJECT_TOO_LARGE, refusal.of(beside, enough));
        }
        taken += wanted;
    }

    private synchronized boolean takeOfHalf(long wanted) {
        boolean fits = taken + wanted <= most / 2;
        taken += fits ? wanted : 0;
        return fits;
    }

    private synchronized void giveBack(long bytes) {
        taken -= bytes;
    }

    /** What one dump takes, until it is closed. */
    final class Use implements AutoCloseable {
        private long own;
        private long chunks;
        private boolean closed;

        /**
         * @throws FerryException OBJECT_TOO_LARGE: the heap has no room for it
         */
        synchronized void take(String job, long memoryBytes) {
            long wanted = estimate(memoryBytes);
            DumpHeap.this.take(
                    wanted,
                    (beside, enough) ->
                            "Job " + job + " was not stopped: to save its " + Sizes.format(memoryBytes) + " of memory this daemon needs " + Sizes.format(wanted) + " of heap" + beside + ", and may use "
                                    + Sizes.format(most) + " for that; start it with FERRY_JAVA_OPTS=-Xmx" + enough + "m");
            own += wanted;
        }

        /**
         * The same for memory of which nothing depends on its being listed: half of the room is left to dumps.
         *
         * @return false: the heap has no room for it
         */
        synchronized boolean tryTake(long memoryBytes) {
            long wanted = estimate(memoryBytes);
            if (!takeOfHalf(wanted)) {
                return false;
            }
            own += wanted;
            return true;
        }

        /** For the job's image: counts its chunks and entries against what was taken, and takes more where there are more. */
        ImageWriter.Room room(String job) {
            return more -> count(job, more);
        }

        private synchronized void count(String job, int more) {
            long wanted = (chunks + more) * EACH - own;
            // Threads of a dump that was given up may still be at work.
            if (wanted > 0 && !closed) {
                DumpHeap.this.take(
                        wanted,
                        (beside, enough) ->
                                "Job " + job + " can't be saved: with its files in /tmp, /scratch and its other folders it has more than " + chunks + " pieces to be listed, and this daemon may use " + Sizes.format(most)
                                        + " of heap for that" + beside + "; start it with a larger one (twice as large: FERRY_JAVA_OPTS=-Xmx" + Math.ceilDiv((long) (2 * most / SHARE), 1 << 20) + "m), or let the job have fewer and smaller files there");
                own += wanted;
            }
            chunks += more;
        }

        @Override
        public synchronized void close() {
            giveBack(own);
            own = 0;
            closed = true;
        }
    }
}
