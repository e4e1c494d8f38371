package dev.ferry.storage.image;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What this process remembers of the windows of each job's last image or round of copying ahead, so that those that have not changed since are named by a
 * {@link WindowHash} and not by their SHA-256. It only shortens the way to a name: whether the store has the chunk, and the image may use it, is
 * decided by the name as ever. Of two jobs neither finds the other's windows, so that none can tell by the time whether another has the same.
 *
 * <p>It takes at most a sixteenth of the heap, 88 to 96 bytes for each window, so up to 400 KB for each GiB of a job, twice while its next image is written. When that is used up, the job
 * whose last image is longest ago is forgotten first. A job that has no room is saved as if nothing were remembered. Safe for threads.
 */
public final class WindowMemory {
    private static final int SHARE = 16;

    private final int most;
    private final Map<String, WindowNames> jobs = new LinkedHashMap<>();
    private int blocks;
    private WindowHash.@Nullable Key key;

    /**
     * @param heap how large it may become, in bytes
     */
    public WindowMemory(long heap) {
        most = (int) Math.min(Integer.MAX_VALUE, heap / SHARE / WindowNames.BLOCK_BYTES);
    }

    /** For an image of a job that begins. What is remembered of the job is not forgotten before it is closed. */
    synchronized Use begin(String job) {
        // Taken out and put back, the jobs are in the order of their last images.
        WindowNames before = jobs.remove(job);
        return new Use(job, before == null ? nothing() : before);
    }

    /** Made when something is to be remembered: it takes milliseconds, and not each process needs one. */
    private synchronized WindowHash.Key key() {
        if (key == null) {
            key = new WindowHash.Key();
        }
        return key;
    }

    synchronized int blocks() {
        return blocks;
    }

    private static WindowNames nothing() {
        return new WindowNames(() -> false);
    }

    private synchronized boolean take() {
        Iterator<WindowNames> oldest = jobs.values().iterator();
        while (blocks >= most && oldest.hasNext()) {
            blocks -= oldest.next().blocks();
            oldest.remove();
        }
        if (blocks >= most) {
            return false;
        }
        blocks++;
        return true;
    }

    private synchronized void end(String job, WindowNames kept, WindowNames dropped) {
        blocks -= dropped.blocks();
        if (kept.blocks() > 0) {
            WindowNames replaced = jobs.put(job, kept);
            blocks -= replaced == null ? 0 : replaced.blocks();
        }
    }

    /** By one image. */
    final class Use implements AutoCloseable {
        private final String job;
        private final WindowNames before;
        /** Half of all at most: what is remembered and what takes its place are there together. */
        private final WindowNames now = new WindowNames(this::mayGrow);

        /** Null: nothing is remembered, and nothing is to be. */
        private volatile WindowHash.@Nullable Key secret;

        private volatile boolean remembers;
        private volatile boolean whole;

        private Use(String job, WindowNames before) {
            this.job = job;
            this.before = before;
            secret = before.blocks() > 0 ? key() : null;
        }

        private boolean mayGrow() {
            return now.blocks() < most / 2 && take();
        }

        /** Windows from here on are remembered for the job's next image. */
        void remember() {
            if (most > 1) {
                secret = key();
                remembers = true;
            }
        }

        /**
         * What a manifest says of a window, exactly as {@link ChunkWorker#named} says it. For a job of which nothing is remembered, or
         * to be, no window is hashed in vain.
         *
         * @param recognised called when it was found and not computed
         */
        Named named(ChunkWorker worker, Window window, Runnable recognised) {
            WindowHash.Key mine = secret;
            if (mine == null) {
                return worker.named(window);
            }
            WindowDigest digest = worker.digest(mine, window);
            Named named = before.find(digest);
            if (named == null) {
                // Twice in this image.
                named = now.find(digest);
            }
            if (named == null) {
                named = worker.named(window);
            } else {
                recognised.run();
            }
            if (remembers) {
                now.add(digest, named);
            }
            return named;
        }

        /** The image is whole: its windows take the place of those of the image before, if they were remembered. */
        void whole() {
            whole = true;
        }

        /** Once, when no window of the image is under way any more. */
        @Override
        public void close() {
            boolean keepsNow = remembers && whole;
            end(job, keepsNow ? now : before, keepsNow ? before : now);
        }
    }
}
