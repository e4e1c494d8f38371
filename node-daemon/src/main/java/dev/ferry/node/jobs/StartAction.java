package dev.ferry.node.jobs;

import dev.ferry.node.gpu.GpuAccess;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.LocalState;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** The first start of a job. */
final class StartAction {
    private StartAction() {}

    static void run(LocalJob job, Command command, Phases phases) throws Exception {
        JobSpec spec = command.getStart().getSpec();
        job.clearFolder();
        JobProcess process;
        try {
            Prepared prepared = phases.measure("prepare", () -> 0, 0, () -> prepare(job, command));
            process =
                    phases.measure(
                            "start",
                            () -> 0,
                            0,
                            () ->
                                    job.context()
                                            .sandbox()
                                            .start(job.runName(), spec, job.folder(), prepared.plan(), job.cgroup(), environment(job, command, prepared.gpus()),
                                                    Duration.ofMillis(command.getDeadlineMillis())));
            Holds.requireThatItStands(job);
        } catch (Exception | Error failed) {
            EndActions.undoCreation(job, failed);
            throw failed;
        }
        job.enter(LocalState.LOCAL_RUNNING, record -> LocalJob.setProcess(record, process));
    }

    private record Prepared(RootPlan plan, GpuAccess gpus) {}

    private static Prepared prepare(LocalJob job, Command command) throws IOException {
        JobSpec spec = command.getStart().getSpec();
        job.context().policy().check(spec);
        GpuAccess gpus = GpuAccess.of(job.context().gpu(), command.getStart().getGpusList());
        GpuPhase.give(job, spec, gpus, Optional.empty(), true);
        RootPlan root = job.plan(spec);
        job.context().policy().check(root);
        job.folder().createVolumes(spec.getUid(), spec.getGid());
        root.makeSkeleton(job.folder().root());
        Limits.of(spec).apply(job.cgroup(), job.context().policy().tasks());
        Holds.requireThatItStands(job);
        return new Prepared(root.withDevices(GpuPhase.allow(job, gpus)), gpus);
    }

    /** What a job is told of itself at its start; a restored job keeps what it was told first. */
    private static Map<String, String> environment(LocalJob job, Command command, GpuAccess gpus) {
        Map<String, String> environment = new HashMap<>(gpus.environment(command.getStart().getSpec().getEnvironmentMap()));
        environment.putAll(Map.of("FERRY_JOB", job.id(), "FERRY_INCARNATION", Long.toString(command.getIncarnation()), "FERRY_NODE", job.context().node()));
        return environment;
    }
}
