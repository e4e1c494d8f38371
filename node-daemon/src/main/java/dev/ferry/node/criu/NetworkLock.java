package dev.ferry.node.criu;

import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.node.sandbox.NativeHelper;
import dev.ferry.node.sandbox.ToolProcess;
import dev.ferry.proto.v1.Manifest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the kernel from moving bytes between a frozen job's TCP connections while they are dumped. A frozen process sends nothing, but what is in its queue is sent when a timer of pacing or of retransmission fires; if the receiving end was
 * looked at before and the sending end after its acknowledgement, the bytes are in neither, and the connection stands still for good after a restore. ferry-network, which CRIU calls, drops all packets of the job's network namespace for as
 * long as CRIU looks; a job without a connection is spared it.
 */
final class NetworkLock {
    private static final Logger LOG = LoggerFactory.getLogger(NetworkLock.class);
    private static final String HELPER = "ferry-network";
    private static final Duration SOON = Duration.ofSeconds(10);
    /** Beside the helper, from before it drops packets until it lets them pass. */
    private static final String LOCKED = "locked";
    /** Of an image's files: what is in the queues of one connection. */
    private static final String CONNECTION = "tcp-stream-";
    private static final String NO_CONNECTIONS = "FERRY_NO_CONNECTIONS";

    private NetworkLock() {}

    /** CRIU's options for ferry-network, which is put into the folder. */
    static List<String> script(Path runFolder) throws IOException {
        Path helper = runFolder.resolve(HELPER);
        NativeHelper.installNetworkScript(helper);
        return List.of("--action-script", helper.toString());
    }

    /** What ferry-network must be told at the restore of an image, in CRIU's environment. */
    static Map<String, String> environment(Manifest image) {
        return image.getFilesList().stream().anyMatch(file -> file.getName().startsWith(CONNECTION)) ? Map.of() : Map.of(NO_CONNECTIONS, "1");
    }

    /** Whether packets are still dropped, or may be. */
    static boolean isLeft(Path runFolder) {
        return Files.exists(runFolder.resolve(LOCKED));
    }

    /**
     * Lets the packets of a job pass that goes on, if they are still dropped: criu was killed, or ferry-network failed in it, which criu passes over.
     *
     * @param first the job's first process: another in its control group may be criu's, which is in the machine's own network
     */
    static void end(Path runFolder, JobProcess first) throws IOException {
        Path helper = runFolder.resolve(HELPER);
        if (!isLeft(runFolder) || !first.isAlive()) {
            return;
        }
        try {
            ToolProcess process = ToolProcess.start(List.of(helper.toString(), "unlock", Integer.toString(first.pid())), runFolder, runFolder.resolve("unlock.out"), Map.of());
            int status = process.await(SOON);
            if (status != 0) {
                throw new IOException("The packets of the job's connections may still be dropped: " + HELPER + " ended with status " + status + ": " + process.outputLines());
            }
            Files.deleteIfExists(runFolder.resolve(LOCKED));
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            LOG.warn("the packets of the job's connections may still be dropped: the daemon ends");
        }
    }
}
