package dev.ferry.node.criu;

import dev.ferry.common.FerryException;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.sandbox.EnterCommand;
import dev.ferry.node.sandbox.JobFolder;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.node.sandbox.NativeHelper;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.node.sandbox.ToolProcess;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.storage.ImageReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** One restore of a job from an image into folders and a control group that are there already. */
public final class CriuRestore {
    private final CriuBinary criu;

    public CriuRestore(CriuBinary criu) {
        this.criu = criu;
    }

    /**
     * What came back.
     *
     * @param bytes read from the image by CRIU
     */
    public record Restored(JobProcess process, long bytes) {}

    /**
     * Restores the job; it runs when this returns.
     *
     * @param run name of the folder for this run's socket and log
     * @throws FerryException RESTORE_*, or the image's own error (CHUNK_CORRUPT ...); no process of the
     *     job is left then
     */
    public Restored restore(String run, JobSpec spec, JobCgroup cgroup, JobFolder folder, RootPlan plan, ImageReader image, Duration atMost)
            throws IOException, InterruptedException {
        return restore(run, spec, cgroup, folder, plan, image, atMost, List.of(), List.of());
    }

    /**
     * Restores the job as it was, but stopped: nothing of it runs, and what CRIU itself writes into a covered folder is not written there.
     *
     * @param covered folders from outside that the job could write
     * @throws FerryException as {@link #restore}; MOUNT_REFUSED when a folder can't be covered
     */
    public Restored restoreStopped(String run, JobSpec spec, JobCgroup cgroup, JobFolder folder, RootPlan plan, ImageReader image, Duration atMost, List<Path> covered)
            throws IOException, InterruptedException {
        List<String> options = new ArrayList<>();
        if (!covered.isEmpty()) {
            Path memory = Files.createDirectories(folder.path().resolve("covered"));
            options.addAll(List.of("--cover-in", memory.toString()));
            covered.forEach(one -> options.addAll(List.of("--cover", one.toString())));
        }
        return restore(run, spec, cgroup, folder, plan, image, atMost, options, List.of("--leave-stopped"));
    }

    private Restored restore(
            String run, JobSpec spec, JobCgroup cgroup, JobFolder folder, RootPlan plan, ImageReader image, Duration atMost, List<String> enterOptions, List<String> criuOptions)
            throws IOException, InterruptedException {
        Path runFolder = folder.criu(run);
        Files.createDirectories(runFolder);
        Path helper = folder.path().resolve("ferry-init");
        NativeHelper.install(helper);
        Path pidFile = runFolder.resolve("pid");
        Files.deleteIfExists(pidFile);
        List<String> command = new ArrayList<>(List.of(helper.toString(), "enter"));
        for (Path file : cgroup.joinFiles()) {
            command.addAll(List.of("--cgroup", file.toString()));
        }
        command.addAll(EnterCommand.flattenOptions(spec, plan));
        command.addAll(enterOptions);
        command.addAll(List.of("--bind-root", folder.root().toString(), "--"));
        command.addAll(CriuRun.command(criu, "restore", runFolder, folder.root()));
        command.addAll(List.of("--restore-detached", "--pidfile", pidFile.toString()));
        command.addAll(NetworkLock.script(runFolder));
        command.addAll(criuOptions);
        for (RootPlan.Bind bind : plan.externals()) {
            command.addAll(List.of("--external", "mnt[" + bind.key() + "]:" + bind.source()));
        }
        boolean alive = false;
        try (ServeSession session = new ServeSession(runFolder, image)) {
            session.start();
            ToolProcess process = ToolProcess.start(command, runFolder, runFolder.resolve("restore.out"), CriuAftermath.mark(runFolder));
            int status = process.await(atMost);
            if (CriuAftermath.isNeeded(status)) {
                CriuAftermath.killLeftovers(runFolder);
            }
            if (status == 0 && session.failure() == null) {
                session.finish(CriuRun.PIPES_END);
            }
            Throwable ours = session.failure();
            if (ours instanceof FerryException known) {
                throw known;
            }
            if (status == -1) {
                throw new FerryException(ErrorCode.RESTORE_TIMEOUT, "CRIU did not restore the job within " + atMost.toSeconds() + " s and was killed");
            }
            if (status != 0 && cgroup.outOfMemoryKills() > 0) {
                throw new FerryException(
                        ErrorCode.RESTORE_FAILED,
                        "The kernel killed the restore for want of memory: the job does not fit into its limit here",
                        CriuLog.read(runFolder.resolve("restore.log"), process.outputLines()).evidence(),
                        null);
            }
            if (process.outputLines().stream().anyMatch(line -> line.startsWith("ferry-init: cover "))) {
                throw new FerryException(ErrorCode.MOUNT_REFUSED, "A folder from outside can't be kept from being written: " + String.join("; ", process.outputLines()));
            }
            if (status != 0) {
                throw CriuLog.read(runFolder.resolve("restore.log"), process.outputLines()).restoreFailure(status);
            }
            if (ours != null) {
                throw new FerryException(ErrorCode.RESTORE_FAILED, "The image could not be given to CRIU: " + ours, ours);
            }
            JobProcess job = JobProcess.of(Integer.parseInt(Files.readString(pidFile).trim()));
            alive = true;
            return new Restored(job, session.bytes());
        } finally {
            if (!alive) {
                end(cgroup);
            }
        }
    }

    /** Half a job must not live: everything that CRIU made is in the control group. */
    private static void end(JobCgroup cgroup) throws IOException {
        for (int round = 0; round < 20 && !cgroup.processes().isEmpty(); round++) {
            cgroup.killProcesses();
            boolean ignored = cgroup.awaitEmpty(Duration.ofMillis(250));
        }
    }
}
