package dev.ferry.node.criu;

import dev.ferry.common.FerryException;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.sandbox.JobFolder;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.ImageWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * One dump of a job into an image. CRIU runs with -R: the job is in its frozen control group before and
 * after, and whether it lives or dies is decided elsewhere. CRIU is started while the job still runs, and touches it only in {@link #dump}.
 */
public final class CriuDump implements AutoCloseable {
    private static final int KILLED = -1;

    private final Path runFolder;
    private final JobCgroup cgroup;
    private final CaptureSession session;
    private final GatedCriu criu;
    private boolean touched;

    private CriuDump(Path runFolder, JobCgroup cgroup, CaptureSession session, GatedCriu criu) {
        this.runFolder = runFolder;
        this.cgroup = cgroup;
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
        return new CriuDump(runFolder, cgroup, session, GatedCriu.start(runFolder, session, command, "dump.out", Map.of()));
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
            List<String> none = outcome(criu.process().await(Duration.ofMillis(1)), atMost);
        }
    }

    /**
     * Dumps the job, which is frozen. When this returns, all of its memory and descriptors are with the image's
     * writer; the job may be thawed.
     *
     * @return the names of the files, in CRIU's order
     * @throws FerryException DUMP_*, or the image's own error; the job is as it was before
     */
    public List<String> dump(Duration atMost) throws IOException, InterruptedException {
        long end = System.nanoTime() + atMost.toNanos();
        awaitReady(atMost);
        touched = true;
        criu.open();
        int status;
        try {
            status = criu.process().await(Duration.ofNanos(Math.max(1, end - System.nanoTime())));
        } catch (InterruptedException stopped) {
            // The daemon ends, and criu was killed: what it left in the job must not go on with it.
            try {
                undo(KILLED);
            } catch (IOException failed) {
                stopped.addSuppressed(failed);
            }
            throw stopped;
        }
        return outcome(status, atMost);
    }

    private List<String> outcome(int status, Duration atMost) throws IOException, InterruptedException {
        undo(status);
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
            throw new FerryException(ErrorCode.DUMP_TIMEOUT, "CRIU did not dump the job within " + atMost.toSeconds() + " s and was killed");
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
            CriuAftermath.clean(runFolder, cgroup);
        } else if (cutOff) {
            CriuAftermath.killLeftovers(runFolder);
        } else if (touched) {
            NetworkLock.end(runFolder, cgroup);
        }
    }

    /** Ends a criu that was not let through the gate. */
    @Override
    public void close() throws IOException {
        criu.close();
    }
}
