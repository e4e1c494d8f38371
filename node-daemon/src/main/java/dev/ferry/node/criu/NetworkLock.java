package dev.ferry.node.criu;

import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.sandbox.NativeHelper;
import dev.ferry.node.sandbox.ToolProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the kernel from moving bytes between a frozen job's TCP connections while they are dumped. A frozen process sends nothing, but what is in its queue is sent when a timer of pacing or of retransmission fires; if the receiving end was
 * looked at before and the sending end after its acknowledgement, the bytes are in neither, and the connection stands still for good after a restore. ferry-network drops all packets of the job's network namespace for as long as CRIU looks;
 * a job without a connection is spared it.
 */
final class NetworkLock {
    private static final Logger LOG = LoggerFactory.getLogger(NetworkLock.class);
    private static final String HELPER = "ferry-network";
    private static final Duration SOON = Duration.ofSeconds(10);
    /** Of a socket that listens, in the fourth column. */
    private static final String LISTENS = "0A";

    private NetworkLock() {}

    /**
     * CRIU's options for it; CRIU itself unlocks when it is done, or has failed.
     *
     * @param pid a process of the job
     * @return none: there is nothing to lock out
     */
    static List<String> options(int pid, Path runFolder) throws IOException {
        return hasConnections(pid) ? script(runFolder) : List.of();
    }

    /** CRIU's options for ferry-network, which is put into the folder. */
    static List<String> script(Path runFolder) throws IOException {
        Path helper = runFolder.resolve(HELPER);
        NativeHelper.installNetworkScript(helper);
        return List.of("--action-script", helper.toString());
    }

    private static boolean hasConnections(int pid) throws IOException {
        for (String table : List.of("tcp", "tcp6")) {
            Path path = Path.of("/proc", Integer.toString(pid), "net", table);
            if (Files.exists(path)) {
                try (Stream<String> lines = Files.lines(path)) {
                    if (lines.skip(1).map(line -> line.trim().split(" +", 5)).anyMatch(columns -> columns.length > 3 && !columns[3].equals(LISTENS))) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    /** Unlocks what a criu that did not end by itself may have left locked, in a job that shall go on. */
    static void end(Path runFolder, JobCgroup cgroup) throws IOException {
        Path helper = runFolder.resolve(HELPER);
        List<Integer> processes = cgroup.processes();
        if (!Files.exists(helper) || processes.isEmpty()) {
            return;
        }
        try {
            ToolProcess process = ToolProcess.start(List.of(helper.toString(), "unlock", Integer.toString(processes.getFirst())), runFolder, runFolder.resolve("unlock.out"), Map.of());
            int status = process.await(SOON);
            if (status != 0) {
                throw new IOException("The packets of the job's connections may still be dropped: " + HELPER + " ended with status " + status + ": " + process.outputLines());
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            LOG.warn("the packets of the job's connections may still be dropped: the daemon ends");
        }
    }
}
