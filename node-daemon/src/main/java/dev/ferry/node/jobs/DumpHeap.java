package dev.ferry.node.jobs;

import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.proto.v1.ErrorCode;

/**
 * What dumps take of this process's heap: each chunk of an image has its place in lists until the manifest is written. A daemon whose heap is at its end
 * ends, with its jobs frozen, so what a dump will take is asked before its job is stopped. Safe for threads.
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

    private synchronized void take(String job, long memoryBytes, long wanted) {
        if (wanted > most - taken) {
            String beside = taken == 0 ? "" : " beside the " + Sizes.format(taken) + " of the dumps that are under way";
            long enough = Math.ceilDiv((long) ((taken + wanted) / SHARE), 1 << 20);
            throw new FerryException(
                    ErrorCode.OBJECT_TOO_LARGE,
                    "Job " + job + " was not stopped: to save its " + Sizes.format(memoryBytes) + " of memory this daemon needs " + Sizes.format(wanted) + " of heap" + beside + ", and may use "
                            + Sizes.format(most) + " for that; start it with FERRY_JAVA_OPTS=-Xmx" + enough + "m");
        }
        taken += wanted;
    }

    private synchronized void giveBack(long bytes) {
        taken -= bytes;
    }

    /** What one dump takes, until it is closed. */
    final class Use implements AutoCloseable {
        private long own;

        /**
         * @throws FerryException OBJECT_TOO_LARGE: the heap has no room for it
         */
        void take(String job, long memoryBytes) {
            long wanted = estimate(memoryBytes);
            DumpHeap.this.take(job, memoryBytes, wanted);
            own += wanted;
        }

        @Override
        public void close() {
            giveBack(own);
            own = 0;
        }
    }
}
