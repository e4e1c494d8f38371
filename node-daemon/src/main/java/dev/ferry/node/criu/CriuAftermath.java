package dev.ferry.node.criu;

import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.posix.Posix;
import dev.ferry.node.posix.PosixException;
import dev.ferry.node.posix.ProcText;
import dev.ferry.node.sandbox.JobFolder;
import dev.ferry.node.sandbox.JobProcess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What must be done after a criu that died in the middle of a dump: its own children live on and hold
 * pipes, the job's TCP connections are left in repair mode, and their packets are dropped. All is undone before the job may
 * go on. (The kernel lets the job run from the moment in which its tracer dies, so a job that receives
 * on a TCP connection within the next milliseconds may see EPERM, and one whose thread was just running criu's code
 * dies of it: docs/sandbox.md. So nobody kills a criu at work who could have waited for {@link #ROLL_BACK}.)
 */
public final class CriuAftermath {
    /** How long a criu that lost its streams may take to undo its work by itself before it is killed. */
    public static final Duration ROLL_BACK = Duration.ofSeconds(3);

    private static final Duration LOOK = Duration.ofMillis(10);
    private static final Logger LOG = LoggerFactory.getLogger(CriuAftermath.class);
    private static final String MARK = "FERRY_CRIU_RUN";
    private static final int SIGKILL = 9;
    private static final int SIGNALLED = 128;
    private static final Duration FREEZE = Duration.ofSeconds(5);

    private CriuAftermath() {}

    /** Put into criu's environment, which its children inherit: how they are found again. */
    static Map<String, String> mark(Path runFolder) {
        return Map.of(MARK, runFolder.toString());
    }

    /** Whether criu ended without its own rolling back: killed, aborted, or past its deadline. */
    static boolean isNeeded(int status) {
        return status < 0 || status >= SIGNALLED;
    }

    /**
     * Undoes what a dead dump left in a job that shall go on. The job is frozen afterwards. Each step is done whatever became of those before it: a
     * job that goes on without one of them would be cut off from itself.
     *
     * @param first the job's first process
     * @throws IOException the first failure, with the others
     */
    public static void clean(Path runFolder, JobCgroup cgroup, JobProcess first) throws IOException {
        List<Exception> failures = new ArrayList<>();
        // First of all: the dead tracer may have left the job running.
        attempt(failures, () -> cgroup.freeze(FREEZE));
        attempt(failures, () -> killLeftovers(runFolder));
        attempt(failures, () -> endTcpRepair(cgroup, runFolder));
        attempt(failures, () -> NetworkLock.end(runFolder, first));
        if (!failures.isEmpty()) {
            IOException all = new IOException("What criu left in the job could not all be undone: " + failures.getFirst().getMessage(), failures.getFirst());
            failures.stream().skip(1).forEach(all::addSuppressed);
            throw all;
        }
    }

    private interface Step {
        void take() throws IOException;
    }

    private static void attempt(List<Exception> failures, Step step) {
        try {
            step.take();
        } catch (IOException | RuntimeException failed) {
            failures.add(failed);
        }
    }

    /** Whether a run of criu may have left the packets of its job dropped; its folder is the only record of it. */
    public static boolean dropsPackets(Path runFolder) {
        return NetworkLock.isLeft(runFolder);
    }

    /**
     * Lets the packets of a job pass that any run of criu has left dropped.
     *
     * @param first the job's first process
     * @throws IOException they may still be dropped
     */
    public static void letPacketsPass(JobFolder folder, JobProcess first) throws IOException {
        try (DirectoryStream<Path> runs = Files.newDirectoryStream(folder.path(), JobFolder.CRIU_RUNS + "*")) {
            for (Path run : runs) {
                NetworkLock.end(run, first);
            }
        } catch (NoSuchFileException gone) {
            // Nothing of the job is here.
        }
    }

    /**
     * Waits for a criu whose daemon has died: its streams ended, so it undoes its work and ends.
     *
     * @return false: something of it is still there
     */
    public static boolean awaitEnd(Path runFolder, Duration atMost) throws IOException, InterruptedException {
        long end = System.nanoTime() + atMost.toNanos();
        while (!leftovers(runFolder).isEmpty()) {
            if (System.nanoTime() >= end) {
                return false;
            }
            Thread.sleep(LOOK);
        }
        return true;
    }

    /** Kills every process that a run of criu left. */
    public static void killLeftovers(Path runFolder) throws IOException {
        for (int pid : leftovers(runFolder)) {
            Posix.kill(pid, SIGKILL);
        }
    }

    private static List<Integer> leftovers(Path runFolder) throws IOException {
        byte[] mark = (MARK + "=" + runFolder).getBytes(StandardCharsets.UTF_8);
        List<Integer> found = new ArrayList<>();
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            for (Path process : processes) {
                if (hasVariable(process, mark)) {
                    found.add(Integer.parseInt(process.getFileName().toString()));
                }
            }
        }
        return found;
    }

    private static boolean hasVariable(Path process, byte[] wanted) {
        try {
            String environment = ProcText.begin(process.resolve("environ"));
            return ("\0" + environment).contains("\0" + new String(wanted, StandardCharsets.ISO_8859_1) + "\0");
        } catch (IOException gone) {
            return false;
        }
    }

    private static void endTcpRepair(JobCgroup cgroup, Path runFolder) {
        int mended = 0;
        for (int pid : cgroup.processes()) {
            try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(Path.of("/proc", Integer.toString(pid), "fd"))) {
                for (Path descriptor : descriptors) {
                    mended += endTcpRepair(pid, descriptor) ? 1 : 0;
                }
            } catch (IOException | DirectoryIteratorException gone) {
                LOG.debug("process {} ended", pid);
            }
        }
        LOG.warn("criu died in the middle of a run in {}; {} TCP connections of the job were taken out of repair mode", runFolder, mended);
    }

    private static boolean endTcpRepair(int pid, Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).toString().startsWith("socket:") && Posix.endTcpRepair(pid, Integer.parseInt(descriptor.getFileName().toString()));
        } catch (PosixException refused) {
            LOG.warn("connection {} could not be looked at: {}", descriptor, refused.getMessage());
            return false;
        } catch (IOException closed) {
            return false;
        }
    }
}
