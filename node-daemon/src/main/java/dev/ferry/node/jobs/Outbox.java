package dev.ferry.node.jobs;

import dev.ferry.proto.v1.CommandProgress;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.GpuSample;
import dev.ferry.proto.v1.JobReport;

/**
 * What jobs have to say to the coordinator. Nothing here waits: while there is no link, results stay in
 * the journals and reports in the jobs, and both are said again when the link is back.
 */
public interface Outbox {
    void result(CommandResult result);

    void progress(CommandProgress progress);

    void report(JobReport report);

    /**
     * Says what a job did with its GPUs.
     *
     * @return false: nobody listens now; it is to be added to what is said next
     */
    boolean sample(GpuSample sample);
}
