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
import java.util.function.BooleanSupplier;

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
    private long bytesAhead;
    private boolean done;

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
     * @param kept bytes of memory that were there before
     * @param asked the files that CRIU asked for, in that order
     */
    public record Restored(JobProcess process, long bytes, long kept, List<String> asked) {}

    /**
     * Starts criu, which waits for {@link #restore}.
     *
     * @param run name of the folder for this run's sockets and log
     */
    public static CriuRestore start(CriuBinary criu, String run, JobSpec spec, JobCgroup cgroup, JobFolder folder, RootPlan plan, ImageReader image) throws IOException {
        Run begun = Run.begin(run, folder, plan, List.of());
        Optional<HugePages> huge = HugePages.in(begun.folder, Optional.empty());
        return begun.start(criu, spec, cgroup, new ServeSession(begun.folder, image, huge), environment(image, huge), List.of(), List.of());
    }

    /**
     * Starts criu for an image that is still to be made, and fills memory with what was copied of the job, which runs elsewhere. {@link #restores} must follow. If there is no memory for it, the restore
     * makes everything as always.
     *
     * @param copied where the chunks are; it may be closed afterwards
     * @param goesOn asked all the time: whether to go on with it
     * @return empty: this machine has no huge pages, without which there is nothing to be won
     * @throws IOException when criu has ended; nothing of it is left
     */
    public static Optional<CriuRestore> startAhead(
            CriuBinary criu, String run, JobSpec spec, JobCgroup cgroup, JobFolder folder, RootPlan plan, ImageReader copied, List<CopiedProcess> processes, BooleanSupplier goesOn)
            throws IOException {
        Run begun = Run.begin(run, folder, plan, List.of());
        try (MemoryAhead ahead = MemoryAhead.in(begun.folder)) {
            Optional<HugePages> huge = HugePages.in(begun.folder, Optional.of(ahead));
            if (huge.isEmpty()) {
                return Optional.empty();
            }
            // Whether the job will have connections is not known yet: packets are dropped for the moment in any case.
            CriuRestore restore = begun.start(criu, spec, cgroup, new ServeSession(begun.folder, huge.get(), ahead), huge.get().environment(), List.of(), List.of());
            try {
                restore.bytesAhead = ahead.fill(copied, processes, () -> restore.criu.process().isAlive() && goesOn.getAsBoolean());
                return Optional.of(restore);
            } catch (IOException | RuntimeException | Error failed) {
                restore.close();
                throw failed;
            }
        }
    }

    /** The image that there is now, of a criu that was started ahead. */
    public void restores(ImageReader image) {
        session.serves(image);
    }

    /** Bytes of memory that were filled before there was an image. */
    public long bytesAhead() {
        return bytesAhead;
    }

    private static Map<String, String> environment(ImageReader image, Optional<HugePages> huge) {
        Map<String, String> environment = new HashMap<>(NetworkLock.environment(image.manifest()));
        huge.ifPresent(pages -> environment.putAll(pages.environment()));
        return environment;
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
        Run begun = Run.begin(run, folder, plan, covered);
        Optional<HugePages> huge = HugePages.in(begun.folder, Optional.empty());
        return begun.start(criu, spec, cgroup, new ServeSession(begun.folder, image, huge), environment(image, huge), options, List.of("--leave-stopped"));
    }

    /** One start of criu. */
    private record Run(Path folder, JobFolder job, RootPlan plan) {
        static Run begin(String name, JobFolder job, RootPlan plan, List<Path> covered) throws IOException {
            Path folder = job.criu(name);
            Files.createDirectories(folder);
            // ferry-network finds it beside itself.
            Optional<Path> ignored = MountList.write(folder, plan, covered);
            // What lies in it may come later: it is seen through the mount.
            Files.createDirectories(job.root());
            Path helper = job.helper();
            NativeHelper.install(helper);
            Files.deleteIfExists(pidFile(folder));
            return new Run(folder, job, plan);
        }

        CriuRestore start(
                CriuBinary criu, JobSpec spec, JobCgroup cgroup, ServeSession session, Map<String, String> environment, List<String> enterOptions, List<String> criuOptions) throws IOException {
            List<String> command = new ArrayList<>(List.of(job.helper().toString(), "enter"));
            for (Path file : cgroup.joinFiles()) {
                command.addAll(List.of("--cgroup", file.toString()));
            }
            command.addAll(EnterCommand.flattenOptions(spec, plan));
            command.addAll(enterOptions);
            command.addAll(List.of("--bind-root", job.root().toString(), "--"));
            command.addAll(CriuRun.command(criu, "restore", folder, job.root()));
            command.addAll(List.of("--restore-detached", "--pidfile", pidFile(folder).toString()));
            command.addAll(NetworkLock.script(folder));
            command.addAll(criuOptions);
            for (RootPlan.Bind bind : plan.externals()) {
                command.addAll(List.of("--external", "mnt[" + bind.key() + "]:" + bind.source()));
            }
            return new CriuRestore(folder, plan, cgroup, session, GatedCriu.start(folder, session, command, "restore.out", environment));
        }
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
            done = status == 0;
            Restored restored = outcome(status, atMost);
            alive = true;
            return restored;
        } finally {
            if (!alive) {
                RestoreOutcome.end(cgroup);
            }
        }
    }

    /** Whether criu came to its end, whatever was made of that: the job may have run then. */
    public boolean mayHaveRun() {
        return done;
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
        return new Restored(restored(), session.bytes(), session.keptBytes(), asked);
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
