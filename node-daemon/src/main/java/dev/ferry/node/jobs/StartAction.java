package dev.ferry.node.jobs;

import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.LocalState;
import java.time.Duration;
import java.util.Map;

/** The first start of a job. */
final class StartAction {
    private StartAction() {}

    static void run(LocalJob job, Command command, Phases phases, CommandResult.Builder result) throws Exception {
        JobSpec spec = command.getStart().getSpec();
        job.clearFolder();
        JobProcess process;
        try {
            RootPlan plan = job.plan(spec);
            phases.measure(
                    "prepare",
                    () -> {
                        job.folder().createVolumes(spec.getUid(), spec.getGid());
                        plan.makeSkeleton(job.folder().root());
                        Limits.of(spec).apply(job.cgroup());
                    });
            process =
                    phases.measure(
                            "start",
                            () -> 0,
                            0,
                            () ->
                                    job.context()
                                            .sandbox()
                                            .start(job.runName(), spec, job.folder(), plan, job.cgroup(), environment(job, command),
                                                    Duration.ofMillis(command.getDeadlineMillis())));
        } catch (Exception failed) {
            job.releaseKernel();
            job.clearFolder();
            throw failed;
        }
        job.enter(LocalState.LOCAL_RUNNING, record -> LocalJob.setProcess(record, process));
    }

    /** What a job is told of itself at its start; a restored job keeps what it was told first. */
    private static Map<String, String> environment(LocalJob job, Command command) {
        return Map.of(
                "FERRY_JOB", job.id(), "FERRY_INCARNATION", Long.toString(command.getIncarnation()), "FERRY_NODE", job.context().node());
    }
}
