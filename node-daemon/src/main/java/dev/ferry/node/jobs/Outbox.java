package dev.ferry.node.jobs;

import dev.ferry.proto.v1.CommandProgress;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.GpuSample;
import dev.ferry.proto.v1.JobReport;
import java.util.function.Consumer;

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

    /** For who gives orders without a coordinator: takes their results, and nothing else that jobs say. */
    static Outbox ofResults(Consumer<CommandResult> results) {
        return new Outbox() {
            @Override
            public void result(CommandResult result) {
                results.accept(result);
            }

            @Override
            public void progress(CommandProgress progress) {}

            @Override
            public void report(JobReport report) {}

            @Override
            public boolean sample(GpuSample sample) {
                return true;
            }
        };
    }
}
