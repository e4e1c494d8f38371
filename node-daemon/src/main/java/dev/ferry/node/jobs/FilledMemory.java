package dev.ferry.node.jobs;

import dev.ferry.common.FerryException;
import dev.ferry.node.criu.CriuRestore;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.RestoreJob;
import java.io.IOException;

/**
 * Memory of a job that runs elsewhere, filled here for a restore that is to come: a criu that waits for the image. It is no life of the job, and ends with the daemon. Used on the job's queue only.
 *
 * @param image that it is for
 * @param run name of criu's folder
 * @param plan of the sandbox for which criu was started
 * @param heap what its lists take of this daemon's
 */
record FilledMemory(String image, JobSpec spec, String run, RootPlan plan, CriuRestore criu, DumpHeap.Use heap) implements AutoCloseable {
    /** Whether a restore into such a sandbox can take it. */
    boolean fits(RestoreJob order, String itsRun) {
        return image.equals(order.getImage()) && spec.equals(order.getSpec()) && order.getGpusCount() == 0 && run.equals(itsRun);
    }

    /**
     * Removes it, with all else that was made for it: nothing of the job was here before, and nothing is after this.
     *
     * @throws FerryException INTERNAL when a process of it is left
     */
    void remove(LocalJob job) throws IOException, InterruptedException {
        Failures.guarded(job, "ending the criu that holds memory", this::close);
        EndActions.killAll(job);
        job.releaseKernel();
        job.clearFolder();
    }

    /** Gives the memory back. What can't be removed now is cleared like what a life has left. */
    void giveBack(LocalJob job) {
        Failures.guarded(
                job,
                "giving memory back that was filled for image " + image,
                () -> {
                    try {
                        remove(job);
                    } catch (InterruptedException ending) {
                        // For whoever goes on behind this.
                        Thread.currentThread().interrupt();
                        throw ending;
                    }
                });
    }

    /** Ends a criu that has not restored a job with it. */
    @Override
    public void close() throws IOException {
        heap.close();
        criu.close();
    }
}
