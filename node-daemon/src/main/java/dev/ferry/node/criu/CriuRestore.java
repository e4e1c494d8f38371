package dev.ferry.node.criu;

import dev.ferry.common.FerryException;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.sandbox.EnterCommand;
import dev.ferry.node.sandbox.JobFolder;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.node.sandbox.MountList;
import dev.ferry.node.sandbox.NativeHelper;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.storage.ImageReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One restore of a job from an image, into a control group and a folder that are there already. CRIU is started before the job's volumes are restored, looks at the kernel meanwhile, and
 * makes no process and no mount before {@link #restore}.
 */
public final class CriuRestore implements AutoCloseable {
    private final Path runFolder;
    private final RootPlan plan;
    private final JobCgroup cgroup;
    private final ServeSession session;
    private final GatedCriu criu;

    private CriuRestore(Path runFolder, RootPlan plan, JobCgroup cgroup, ServeSession session, GatedCriu criu) {
        this.runFolder = runFolder;
        this.plan = plan;
        this.cgroup = cgroup;
        this.session = session;
        this.criu = criu;
    }

    /**
     * What came back.
     *
     * @param bytes read from the image by CRIU
     * @param asked the files that CRIU asked for, in that order
     */
    public record Restored(JobProcess process, long bytes, List<String> asked) {}

    /**
     * Starts criu, which waits for {@link #restore}.
     *
     * @param run name of the folder for this run's sockets and log
     */
    public static CriuRestore start(CriuBinary criu, String run, JobSpec spec, JobCgroup cgroup, JobFolder folder, RootPlan plan, ImageReader image) throws IOException {
        return start(criu, run, spec, cgroup, folder, plan, image, List.of(), List.of(), List.of());
    }

    /**
     * The same for a job that comes back as it was, but stopped: nothing of it runs, and what CRIU itself writes into a covered folder is not written there.
     *
     * @param covered folders from outside that the job could write
     */
    public static CriuRestore startStopped(CriuBinary criu, String run, JobSpec spec, JobCgroup cgroup, JobFolder folder, RootPlan plan, ImageReader image, List<Path> covered)
            throws IOException {
        List<String> options = new ArrayList<>();
        if (!covered.isEmpty()) {
            Path memory = Files.createDirectories(folder.path().resolve("covered"));
            options.addAll(List.of("--cover-in", memory.toString()));
            covered.forEach(one -> options.addAll(List.of("--cover", one.toString())));
        }
        return start(criu, run, spec, cgroup, folder, plan, image, covered, options, List.of("--leave-stopped"));
    }

    private static CriuRestore start(
            CriuBinary criu, String run, JobSpec spec, JobCgroup cgroup, JobFolder folder, RootPlan plan, ImageReader image, List<Path> covered, List<String> enterOptions,
            List<String> criuOptions)
            throws IOException {
        Path runFolder = folder.criu(run);
        Files.createDirectories(runFolder);
        // ferry-network finds it beside itself.
        Optional<Path> ignored = MountList.write(runFolder, plan, covered);
        // What lies in it may come later: it is seen through the mount.
        Files.createDirectories(folder.root());
        Path helper = folder.helper();
        NativeHelper.install(helper);
        Path pidFile = pidFile(runFolder);
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
        Map<String, String> environment = new HashMap<>(NetworkLock.environment(image.manifest()));
        Optional<HugePages> huge = HugePages.in(runFolder);
        huge.ifPresent(pages -> environment.putAll(pages.environment()));
        ServeSession session = new ServeSession(runFolder, image, huge);
        return new CriuRestore(runFolder, plan, cgroup, session, GatedCriu.start(runFolder, session, command, "restore.out", environment));
    }

    private static Path pidFile(Path runFolder) {
        return runFolder.resolve("pid");
    }

    /**
     * Restores the job, whose volumes and skeleton are in its folder by now; it runs when this returns.
     *
     * @throws FerryException RESTORE_*, or the image's own error (CHUNK_CORRUPT ...); MOUNT_REFUSED when a folder can't be covered, or when something else was mounted than was judged; no process of the job is left then
     */
    public Restored restore(Duration atMost) throws IOException, InterruptedException {
        long end = System.nanoTime() + atMost.toNanos();
        boolean alive = false;
        try {
            boolean ready = criu.awaitReady(atMost);
            if (ready) {
                criu.open();
            }
            int status = criu.process().await(ready ? Duration.ofNanos(Math.max(1, end - System.nanoTime())) : Duration.ofMillis(1));
            Restored restored = outcome(status, atMost);
            alive = true;
            return restored;
        } finally {
            if (!alive) {
                RestoreOutcome.end(cgroup);
            }
        }
    }

    private Restored outcome(int status, Duration atMost) throws IOException, InterruptedException {
        if (CriuAftermath.isNeeded(status)) {
            CriuAftermath.killLeftovers(runFolder);
        }
        List<String> asked = List.of();
        if (status == 0 && session.failure() == null) {
            asked = session.finish(CriuRun.PIPES_END);
            NetworkLock.end(runFolder, restored());
        }
        RestoreOutcome.require(status, atMost, runFolder, session, criu.process(), cgroup, plan);
        return new Restored(restored(), session.bytes(), asked);
    }

    private JobProcess restored() throws IOException {
        return JobProcess.of(Integer.parseInt(Files.readString(pidFile(runFolder)).trim()));
    }

    /** Ends a criu that was not let through the gate. */
    @Override
    public void close() throws IOException {
        criu.close();
    }
}
