package dev.ferry.node.sandbox;

import dev.ferry.common.FerryException;
import dev.ferry.common.PrivateFolder;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.posix.Posix;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.storage.plain.PlainDump;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/**
 * Makes sandboxes by runc. runc's only task is the start: afterwards the job is known by its first
 * process, its control group and its folder, the same for a started and for a restored job.
 */
public final class Sandbox {
    private static final long LOOK_NANOS = 1_000_000;

    private final Path runc;
    private final Path runcState;

    /**
     * @param runcState where runc keeps its own records; only while a start is under way
     */
    public Sandbox(Path runc, Path runcState) {
        this.runc = runc;
        this.runcState = runcState;
    }

    /**
     * Starts a job: folders and control group are there already.
     *
     * @param id unique on this node
     * @param environment what the daemon adds to the job's environment
     * @throws FerryException START_FAILED with runc's lines, COMMAND_NOT_FOUND when the command can't be
     *     executed, MOUNT_REFUSED when something else was mounted than was judged; nothing of the job is alive then
     */
    public JobProcess start(
            String id, JobSpec spec, JobFolder folder, RootPlan plan, JobCgroup cgroup, Map<String, String> environment, Duration atMost)
            throws IOException, InterruptedException {
        List<String> init = new ArrayList<>(List.of("run"));
        init.addAll(spec.getCommandList());
        return start(id, spec, folder, plan, cgroup, init, environment, List.of(), atMost);
    }

    /**
     * Makes a job's sandbox without its command, which is restored into it afterwards. Folders and control group are there already.
     *
     * @param command the PID that the command will have in the sandbox
     * @param clocks what the clocks that only count up show in it, if that is not what the machine's show
     * @throws FerryException START_FAILED with runc's lines, MOUNT_REFUSED; nothing of the job is alive then
     */
    public JobProcess startEmpty(String id, JobSpec spec, JobFolder folder, RootPlan plan, JobCgroup cgroup, int command, Optional<PlainDump.Clocks> clocks, Duration atMost)
            throws IOException, InterruptedException {
        List<String> options = clocks.map(times -> List.of("--monotonic", Long.toString(times.monotonic().toNanos()), "--boottime", Long.toString(times.boottime().toNanos()))).orElse(List.of());
        return start(id, spec, folder, plan, cgroup, List.of("adopt", Integer.toString(command)), Map.of(), options, atMost);
    }

    private JobProcess start(
            String id, JobSpec spec, JobFolder folder, RootPlan plan, JobCgroup cgroup, List<String> init, Map<String, String> environment, List<String> enterOptions, Duration atMost)
            throws IOException, InterruptedException {
        Files.createDirectories(folder.bundle());
        PrivateFolder.close(runcState);
        NativeHelper.install(folder.control().resolve("ferry-init"));
        NativeHelper.install(folder.helper());
        // It holds the job's environment.
        Files.setPosixFilePermissions(folder.bundle(), PosixFilePermissions.fromString("rwx------"));
        Files.write(folder.bundle().resolve("config.json"), OciSpec.toJson(spec, plan, folder, cgroup.path(), init, environment));
        Path pidFile = folder.path().resolve("runc.pid");
        Path output = folder.path().resolve("runc.log");
        long end = System.nanoTime() + atMost.toNanos();
        List<String> command = new ArrayList<>(EnterCommand.before(folder.helper(), spec, plan, enterOptions));
        command.addAll(
                List.of(runc.toString(), "--root", runcState.toString(), "run", "--detach", "--bundle", folder.bundle().toString(), "--pid-file", pidFile.toString(), id));
        ToolProcess run = ToolProcess.start(command, folder.path(), output, Map.of());
        int status = run.await(atMost);
        if (status != 0) {
            List<String> lines = run.outputLines();
            destroy(id, folder, cgroup);
            Optional<FerryException> exchanged = MountList.refusal(lines).or(() -> MountList.exchanged(plan));
            if (exchanged.isPresent()) {
                throw exchanged.get();
            }
            throw new FerryException(
                    ErrorCode.START_FAILED,
                    status == -1 ? "runc did not make the sandbox within " + atMost.toSeconds() + " s" : "runc could not make the sandbox (exit status " + status + ")",
                    lines.subList(Math.max(0, lines.size() - 6), lines.size()), null);
        }
        JobProcess process = JobProcess.of(Integer.parseInt(Files.readString(pidFile).trim()));
        awaitCommand(id, spec, folder, cgroup, process, end);
        return process;
    }

    private void awaitCommand(String id, JobSpec spec, JobFolder folder, JobCgroup cgroup, JobProcess process, long end)
            throws IOException, InterruptedException {
        Path started = folder.control().resolve("started");
        Path refused = folder.control().resolve("exec-error");
        while (!Files.exists(started)) {
            if (Files.exists(refused)) {
                String reason = Posix.readSmall(refused).orElse("").trim();
                destroy(id, folder, cgroup);
                throw new FerryException(ErrorCode.COMMAND_NOT_FOUND, "The job's command can't be executed in its sandbox: " + reason);
            }
            boolean over = System.nanoTime() > end;
            if ((over || !process.isAlive()) && !Files.exists(started) && !Files.exists(refused)) {
                List<String> lines = Posix.readSmall(folder.log()).orElse("").lines().toList();
                destroy(id, folder, cgroup);
                throw new FerryException(
                        ErrorCode.START_FAILED,
                        over ? "The command " + spec.getCommand(0) + " was not started in time" : "The sandbox's first process ended before it started " + spec.getCommand(0),
                        lines, null);
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
    }

    /** Ends whatever a failed start left, and makes runc forget it. */
    public void destroy(String id, JobFolder folder, JobCgroup cgroup) throws IOException, InterruptedException {
        cgroup.killProcesses();
        forget(id, folder);
        boolean ignored = cgroup.awaitEmpty(Duration.ofSeconds(5));
    }

    /** Removes runc's record of a sandbox whose processes are dead. */
    public void forget(String id, JobFolder folder) throws IOException, InterruptedException {
        Path record = runcState.resolve(id);
        if (Files.exists(record)) {
            // runc removes the control groups too, which the job's cleaning up expects.
            int ignored =
                    ToolProcess.start(List.of(runc.toString(), "--root", runcState.toString(), "delete", "--force", id), runcState, runcState.resolve(id + ".delete.log"), Map.of())
                            .await(Duration.ofSeconds(10));
            Files.deleteIfExists(runcState.resolve(id + ".delete.log"));
        }
    }
}
