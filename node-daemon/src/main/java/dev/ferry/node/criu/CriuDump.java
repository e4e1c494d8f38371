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
import java.util.function.LongConsumer;

/**
 * One dump of a frozen job into an image. CRIU runs with -R: the job is in its frozen control group
 * before and after, and whether it lives or dies is decided elsewhere.
 */
public final class CriuDump {
    private final CriuBinary criu;

    public CriuDump(CriuBinary criu) {
        this.criu = criu;
    }

    /**
     * Dumps the job. When this returns, all of its memory and descriptors are with the image's writer;
     * the job may be thawed.
     *
     * @param run name of the folder for this run's socket and log
     * @param started told criu's pid, for the journal
     * @return the names of the files, in CRIU's order
     * @throws FerryException DUMP_*, or the image's own error; the job is as it was before
     */
    public List<String> dump(
            String run, JobProcess job, JobCgroup cgroup, JobFolder folder, RootPlan plan, ImageWriter image, Duration atMost, LongConsumer started)
            throws IOException, InterruptedException {
        Path runFolder = folder.criu(run);
        Files.createDirectories(runFolder);
        List<String> command = CriuRun.command(criu, "dump", runFolder, folder.root());
        command.addAll(List.of("--tree", Integer.toString(job.pid()), "--leave-running"));
        command.addAll(List.of("--freeze-cgroup", cgroup.freezerFolder().toString()));
        for (RootPlan.Bind bind : plan.externals()) {
            command.addAll(List.of("--external", "mnt[" + bind.destination() + "]:" + bind.key()));
        }
        command.addAll(NetworkLock.options(job.pid(), runFolder));
        try (CaptureSession session = new CaptureSession(runFolder, image)) {
            session.start();
            ToolProcess process = ToolProcess.start(command, runFolder, runFolder.resolve("dump.out"), CriuAftermath.mark(runFolder));
            started.accept(process.pid());
            int status = process.await(atMost);
            if (CriuAftermath.isNeeded(status)) {
                CriuAftermath.clean(runFolder, cgroup);
            } else if (status != 0) {
                NetworkLock.end(runFolder, cgroup);
            }
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
            if (status == -1) {
                throw new FerryException(ErrorCode.DUMP_TIMEOUT, "CRIU did not dump the job within " + atMost.toSeconds() + " s and was killed");
            }
            if (status != 0) {
                throw CriuLog.read(runFolder.resolve("dump.log"), process.outputLines()).dumpFailure(status);
            }
            if (ours != null) {
                throw new FerryException(ErrorCode.DUMP_FAILED, "The dump could not be taken from CRIU's pipes: " + ours, ours);
            }
            return names;
        }
    }
}
