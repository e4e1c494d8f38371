package dev.ferry.node.criu;

import dev.ferry.common.FerryException;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.sandbox.MountList;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.node.sandbox.ToolProcess;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;

/** What became of a restore when its criu has ended. */
final class RestoreOutcome {
    private RestoreOutcome() {}

    /**
     * @param status of criu; -1: it was killed at its deadline
     * @param criu which has ended
     * @throws FerryException RESTORE_*, MOUNT_REFUSED, or the image's own error: it did not restore the job
     */
    static void require(int status, Duration atMost, Path runFolder, StreamerSession session, ToolProcess criu, JobCgroup cgroup, RootPlan plan) throws IOException {
        Throwable ours = session.failure();
        if (ours instanceof FerryException known) {
            throw known;
        }
        if (status == -1) {
            throw new FerryException(ErrorCode.RESTORE_TIMEOUT, "CRIU did not restore the job within " + atMost.toSeconds() + " s and was killed");
        }
        if (status != 0 && cgroup.limits().outOfMemoryKills() > 0) {
            throw new FerryException(
                    ErrorCode.RESTORE_FAILED,
                    "The kernel killed the restore for want of memory: the job does not fit into its limit here",
                    CriuLog.read(runFolder.resolve("restore.log"), criu.outputLines()).evidence(),
                    null);
        }
        if (criu.outputLines().stream().anyMatch(line -> line.startsWith("ferry-init: cover "))) {
            throw new FerryException(ErrorCode.MOUNT_REFUSED, "A folder from outside can't be kept from being written: " + String.join("; ", criu.outputLines()));
        }
        if (status != 0) {
            CriuLog log = CriuLog.read(runFolder.resolve("restore.log"), criu.outputLines());
            // CRIU itself refuses a source that has become a symlink.
            throw MountList.refusal(log.lines()).or(() -> MountList.exchanged(plan)).orElseGet(() -> log.restoreFailure(status));
        }
        if (ours != null) {
            throw new FerryException(ErrorCode.RESTORE_FAILED, "The image could not be given to CRIU: " + ours, ours);
        }
    }

    /** Half a job must not live: everything that CRIU made is in the control group. */
    static void end(JobCgroup cgroup) throws IOException {
        for (int round = 0; round < 20 && !cgroup.processes().isEmpty(); round++) {
            cgroup.killProcesses();
            boolean ignored = cgroup.awaitEmpty(Duration.ofMillis(250));
        }
    }
}
