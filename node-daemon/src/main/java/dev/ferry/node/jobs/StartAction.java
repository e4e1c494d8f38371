package dev.ferry.node.jobs;

import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.LocalState;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/** The first start of a job. */
final class StartAction {
    private StartAction() {}

    static void run(LocalJob job, Command command, Phases phases) throws Exception {
        JobSpec spec = command.getStart().getSpec();
        job.clearFolder();
        JobProcess process;
        try {
            RootPlan plan =
                    phases.measure(
                            "prepare",
                            () -> 0,
                            0,
                            () -> {
                                job.context().policy().check(spec);
                                GpuPhase.give(job, spec, command.getStart().getGpusList());
                                RootPlan root = job.plan(spec);
                                job.folder().createVolumes(spec.getUid(), spec.getGid());
                                root.makeSkeleton(job.folder().root());
                                Limits.of(spec).apply(job.cgroup());
                                Holds.requireThatItStands(job);
                                return root.withDevices(spec, GpuPhase.allow(job));
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
        Map<String, String> environment = new HashMap<>(GpuPhase.environment(job, command.getStart().getSpec().getEnvironmentMap()));
        environment.putAll(Map.of("FERRY_JOB", job.id(), "FERRY_INCARNATION", Long.toString(command.getIncarnation()), "FERRY_NODE", job.context().node()));
        return environment;
    }
}
