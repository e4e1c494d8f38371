package dev.ferry.node.criu;

import dev.ferry.common.FerryException;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.sandbox.JobFolder;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.node.sandbox.ToolProcess;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.ImageWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One dump of a job into an image. CRIU runs with -R: the job is in its frozen control group before and
 * after, and whether it lives or dies is decided elsewhere. CRIU is started while the job still runs, and touches it only in {@link #dump}.
 */
public final class CriuDump implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CriuDump.class);
    private static final int KILLED = -1;

    private final Path runFolder;
    private final JobCgroup cgroup;
    private final JobProcess job;
    private final CaptureSession session;
    private final GatedCriu criu;
    private boolean touched;
    private boolean interrupted;

    private CriuDump(Path runFolder, JobCgroup cgroup, JobProcess job, CaptureSession session, GatedCriu criu) {
        this.runFolder = runFolder;
        this.cgroup = cgroup;
        this.job = job;
        this.session = session;
        this.criu = criu;
    }

    /**
     * Starts criu, which waits for {@link #dump}.
     *
     * @param run name of the folder for this run's sockets and log
     */
    public static CriuDump start(CriuBinary criu, String run, JobProcess job, JobCgroup cgroup, JobFolder folder, RootPlan plan, ImageWriter image) throws IOException {
        Path runFolder = folder.criu(run);
        Files.createDirectories(runFolder);
        List<String> command = CriuRun.command(criu, "dump", runFolder, folder.root());
        command.addAll(List.of("--tree", Integer.toString(job.pid()), "--leave-running"));
        command.addAll(List.of("--freeze-cgroup", cgroup.freezerFolder().toString()));
        for (RootPlan.Bind bind : plan.externals()) {
            command.addAll(List.of("--external", "mnt[" + bind.destination() + "]:" + bind.key()));
        }
        command.addAll(NetworkLock.script(runFolder));
        CaptureSession session = new CaptureSession(runFolder, image);
        GatedCriu gated = GatedCriu.start(runFolder, session, command, "dump.out", Map.of());
        spare(gated.process().pid());
        return new CriuDump(runFolder, cgroup, job, session, gated);
    }

    /** The kernel, when memory is short, kills others: the death of a criu at work may be its job's. Nothing of the job inherits it. */
    private static void spare(long pid) {
        try {
            Files.writeString(Path.of("/proc", Long.toString(pid), "oom_score_adj"), "-1000");
        } catch (IOException refused) {
            LOG.debug("criu {} is not kept from being killed for want of memory: {}", pid, refused.getMessage());
        }
    }

    /** Of criu. */
    public long pid() {
        return criu.process().pid();
    }

    /**
     * Waits until criu can begin at once. The job may run.
     *
     * @throws FerryException DUMP_*: it has ended, or was not ready in time and was killed; it did not touch the job
     */
    public void awaitReady(Duration atMost) throws IOException, InterruptedException {
        if (!criu.awaitReady(atMost)) {
            int status = criu.process().await(Duration.ofMillis(1));
            undo(status);
            List<String> none = outcome(status, atMost);
        }
    }

    /**
     * Dumps the job, which is frozen. When this returns, all of its memory and descriptors are with the image's
     * writer; the job may be thawed. A criu that is to end before it is done gets {@link CriuAftermath#ROLL_BACK} to undo its work by
     * itself: who kills it while a thread of the job runs its code kills the job.
     *
     * @return the names of the files, in CRIU's order
     * @throws FerryException DUMP_*, or the image's own error; the job is as it was before
     */
    public List<String> dump(Duration atMost) throws IOException, InterruptedException {
        long end = System.nanoTime() + atMost.toNanos();
        awaitReady(atMost);
        touched = true;
        criu.open();
        OptionalInt status;
        try {
            status = criu.process().awaitEnd(Duration.ofNanos(Math.max(1, end - System.nanoTime())));
        } catch (InterruptedException stopped) {
            // The daemon ends: what criu has in the job must not go on with it.
            try {
                undo(abort());
            } catch (IOException failed) {
                stopped.addSuppressed(failed);
            }
            throw stopped;
        }
        undo(status.isPresent() ? status.getAsInt() : abort());
        if (interrupted) {
            throw new InterruptedException("while criu undid its work");
        }
        return outcome(status.orElse(KILLED), atMost);
    }

    /**
     * Ends a criu that works. An interrupt meanwhile must not shorten it, and is noted.
     *
     * @return its own exit status, or {@link #KILLED}
     */
    private int abort() {
        hangUp();
        ToolProcess process = criu.process();
        long end = System.nanoTime() + CriuAftermath.ROLL_BACK.toNanos();
        OptionalInt status = OptionalInt.empty();
        long left;
        while (status.isEmpty() && (left = end - System.nanoTime()) > 0) {
            try {
                status = process.awaitEnd(Duration.ofNanos(left));
            } catch (InterruptedException again) {
                interrupted = true;
            }
        }
        if (status.isPresent()) {
            return status.getAsInt();
        }
        LOG.warn("criu {} did not undo its work within {} s and is killed", process.pid(), CriuAftermath.ROLL_BACK.toSeconds());
        try {
            process.kill();
        } catch (InterruptedException again) {
            interrupted = true;
        }
        return KILLED;
    }

    /** What the end of this daemon does to criu: its streams end. */
    void hangUp() {
        session.abort();
    }

    private List<String> outcome(int status, Duration atMost) throws IOException, InterruptedException {
        List<String> names;
        try {
            names = session.finish(CriuRun.PIPES_END);
        } catch (IOException stuck) {
            throw new FerryException(ErrorCode.DUMP_FAILED, "CRIU's pipes did not end: " + stuck.getMessage(), stuck);
        }
        Throwable ours = session.failure();
        // Our own failure is the cause when there is one: CRIU only sees a broken pipe.
        if (ours instanceof FerryException known) {
            throw known;
        }
        if (status == KILLED) {
            throw new FerryException(ErrorCode.DUMP_TIMEOUT, "CRIU did not dump the job within " + atMost.toSeconds() + " s and was ended");
        }
        if (status != 0) {
            throw CriuLog.read(runFolder.resolve("dump.log"), criu.process().outputLines()).dumpFailure(status);
        }
        if (ours != null) {
            throw new FerryException(ErrorCode.DUMP_FAILED, "The dump could not be taken from CRIU's pipes: " + ours, ours);
        }
        return names;
    }

    /** What a criu that failed may have left in the job, or one that did not notice that ferry-network had. */
    private void undo(int status) throws IOException {
        boolean cutOff = CriuAftermath.isNeeded(status);
        if (cutOff && touched) {
            CriuAftermath.clean(runFolder, cgroup, job);
        } else if (cutOff) {
            CriuAftermath.killLeftovers(runFolder);
        } else if (touched) {
            NetworkLock.end(runFolder, job);
        }
    }

    /** Ends a criu that was not let through the gate. */
    @Override
    public void close() throws IOException {
        criu.close();
    }
}
