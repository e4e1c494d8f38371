package dev.ferry.node.criu;

import dev.ferry.common.FerryException;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.posix.Posix;
import dev.ferry.node.sandbox.Capability;
import dev.ferry.node.sandbox.JobFolder;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.node.sandbox.ToolProcess;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.ImageReader;
import dev.ferry.storage.plain.PlainDump;
import dev.ferry.storage.plain.PlainRights;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Restores a dump that somebody made with criu, of processes outside of any sandbox, into a sandbox that is there already. criu runs in all namespaces of the
 * sandbox, as nothing in the dump says of any; when it ends, the sandbox's first process, {@code ferry-init adopt}, is the parent of what it restored. The
 * processes get no more rights than that first process has.
 */
public final class PlainRestore {
    private static final Duration SOON = Duration.ofSeconds(10);
    /** The clocks are the sandbox's already: a time namespace of the restored processes alone could not be dumped again. */
    private static final Set<String> WITHHELD = Set.of("timens-0.img");
    private static final Path LARGEST_PID = Path.of("/proc/sys/kernel/pid_max");

    private final CriuBinary criu;
    private final Path runFolder;
    private final Path helper;
    private final JobProcess sandbox;
    private final JobCgroup cgroup;
    private final RootPlan plan;

    /**
     * @param run name of the folder for this run's socket and log
     * @param sandbox its first process
     */
    public PlainRestore(CriuBinary criu, String run, JobFolder folder, JobProcess sandbox, JobCgroup cgroup, RootPlan plan) {
        this.criu = criu;
        runFolder = folder.criu(run);
        helper = folder.helper();
        this.sandbox = sandbox;
        this.cgroup = cgroup;
        this.plan = plan;
    }

    /**
     * Whether the node can give processes the ids that they have in a dump.
     *
     * @throws FerryException RESTORE_FAILED: some are too great
     */
    public static void requireIds(PlainDump dump) throws IOException {
        // At once: the kernel gives all of a number to the first read only.
        int end = Integer.parseInt(Posix.readSmall(LARGEST_PID).orElseThrow().trim());
        if (dump.greatestId() >= end) {
            throw new FerryException(ErrorCode.RESTORE_FAILED, "The dump has process or thread " + dump.greatestId() + ", and this node's ids end before " + end + ": raise kernel.pid_max here, or choose another node");
        }
    }

    /**
     * Restores the processes; they run when this returns.
     *
     * @throws FerryException RESTORE_*, or the image's own error (CHUNK_CORRUPT ...); no process is left in the sandbox then, its first one neither
     */
    public void restore(PlainDump dump, ImageReader image, Duration atMost) throws IOException, InterruptedException {
        boolean alive = false;
        try {
            Files.createDirectories(runFolder);
            requireCriuInSandbox();
            run(dump, image, PlainRights.bounded(dump, Capability.bits(), filters()), atMost);
            alive = true;
        } catch (FerryException failed) {
            throw failed.code() == ErrorCode.RESTORE_FILE_CHANGED ? explained(failed) : failed;
        } finally {
            if (!alive) {
                RestoreOutcome.end(cgroup);
            }
        }
    }

    /** criu names files from the root on, without its slash. */
    private static FerryException explained(FerryException failed) {
        return new FerryException(
                failed.code(),
                String.valueOf(failed.getMessage()).replaceFirst("^The file (?=[^/])", "The file /") + ". It was open where criu dump was called: the node must have it as it was then, at the same path, and the sandbox must see it (--workdir and --mount at the import)",
                failed.detail().getEvidenceList(),
                failed);
    }

    /** criu and its libraries are found by their paths, which must lead there in the sandbox to what they lead to outside. */
    private void requireCriuInSandbox() throws IOException {
        Path program = criu.path().toRealPath();
        Path inside = Path.of("/proc", Integer.toString(sandbox.pid()), "root").resolve(program.toString().substring(1));
        if (!Files.exists(inside) || !Files.isSameFile(inside, program)) {
            throw new FerryException(ErrorCode.RESTORE_FAILED, "criu must run in the sandbox for the restore of a plain dump, and " + program + " is not seen there on this node: install it where jobs see the node's files (not below /tmp or /run, nor in a folder of policy.hidden)");
        }
    }

    private List<PlainRights.Filter> filters() throws IOException, InterruptedException {
        Path file = runFolder.resolve("filters");
        ToolProcess look = ToolProcess.start(List.of(helper.toString(), "filters", Integer.toString(sandbox.pid()), file.toString()), runFolder, runFolder.resolve("filters.out"), CriuAftermath.mark(runFolder));
        if (look.await(SOON) != 0) {
            throw new FerryException(ErrorCode.RESTORE_FAILED, "The sandbox's seccomp filters can't be read, and without them nothing is restored into it", look.outputLines(), null);
        }
        List<PlainRights.Filter> filters = new ArrayList<>();
        ByteBuffer all = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.nativeOrder());
        while (all.hasRemaining()) {
            int flags = all.getInt();
            byte[] instructions = new byte[all.getInt()];
            all.get(instructions);
            filters.add(new PlainRights.Filter(flags, instructions));
        }
        return filters;
    }

    private void run(PlainDump dump, ImageReader image, Map<String, byte[]> bounded, Duration atMost) throws IOException, InterruptedException {
        try (ServeSession session = new ServeSession(runFolder, image, bounded, WITHHELD)) {
            session.start();
            ToolProcess process = ToolProcess.start(command(dump), runFolder, runFolder.resolve("restore.out"), CriuAftermath.mark(runFolder));
            int status = process.await(atMost);
            if (CriuAftermath.isNeeded(status)) {
                CriuAftermath.killLeftovers(runFolder);
            }
            if (status == 0 && session.failure() == null) {
                session.finish(CriuRun.PIPES_END);
            }
            RestoreOutcome.require(status, atMost, runFolder, session, process, cgroup, plan);
        }
    }

    /** Its folder is the only thing of the machine outside that it has: it was started there, and keeps it. */
    private List<String> command(PlainDump dump) {
        List<String> command = new ArrayList<>(List.of(helper.toString(), "enter"));
        for (Path file : cgroup.joinFiles()) {
            command.addAll(List.of("--cgroup", file.toString()));
        }
        command.addAll(List.of("--sandbox", Integer.toString(sandbox.pid()), "--"));
        command.addAll(List.of(criu.path().toString(), "restore", "--stream", "--images-dir", ".", "--log-file", "restore.log", "-v3"));
        command.addAll(List.of("--manage-cgroups=ignore", "--libdir", ".", "--file-locks", "--restore-detached"));
        if (dump.closesConnections()) {
            command.add("--tcp-close");
        }
        return command;
    }
}
