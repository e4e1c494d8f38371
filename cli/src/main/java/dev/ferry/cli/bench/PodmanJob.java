package dev.ferry.cli.bench;

import dev.ferry.common.FerryException;
import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.criu.CriuBinary;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/**
 * The workload in a container of podman, moved by {@code podman container checkpoint --export} and {@code restore --import},
 * with the CRIU that Ferry uses. All that podman keeps lies in one folder and one control group, so that nothing of the
 * machine's own containers is seen or changed; but the cache of layers' names, which is in one place for all.
 */
final class PodmanJob implements AutoCloseable {
    private static final String IMAGE = "ferry-bench:latest";
    /** Links to /usr on a system that has moved these folders there. */
    private static final List<String> LINKS = List.of("bin", "sbin", "lib", "lib64");

    private static final long GONE_NANOS = 10_000_000_000L;
    private static final long LOOK_NANOS = 50_000_000;

    private final Path folder;
    private final Path podman;
    private final String group = "ferry-bench-podman-" + ProcessHandle.current().pid();
    private final Map<String, String> environment;
    private int number;

    private PodmanJob(Path folder, Path podman, Map<String, String> environment) {
        this.folder = folder;
        this.podman = podman;
        this.environment = environment;
    }

    private static Optional<Path> find(String program) {
        return Stream.of(System.getenv().getOrDefault("PATH", "").split(":", -1))
                .filter(folder -> !folder.isEmpty())
                .map(folder -> Path.of(folder, program))
                .filter(Files::isExecutable)
                .findFirst();
    }

    /** Whether there is what this peer needs: podman, and runc, which works with any CRIU. */
    static Optional<String> missing() {
        return Stream.of("podman", "runc").filter(program -> find(program).isEmpty()).findFirst();
    }

    /**
     * Starts the workload and waits until its memory is filled.
     *
     * @param folder on the disk on which the store is; it must not exist
     * @throws FerryException when podman can't do it here
     */
    static PodmanJob start(Path program, Load load, Path folder) throws IOException, InterruptedException {
        Path tools = Files.createDirectories(folder.resolve("tools"));
        Files.createSymbolicLink(tools.resolve("criu"), CriuBinary.find(null).path());
        Path configuration = Files.writeString(folder.resolve("containers.conf"), "[engine]\nlock_type = \"file\"\nevents_logger = \"none\"\ncgroup_manager = \"cgroupfs\"\n");
        Map<String, String> environment =
                Map.of("PATH", tools + ":" + System.getenv().getOrDefault("PATH", ""), "CONTAINERS_CONF", configuration.toString(), "TMPDIR", Files.createDirectory(folder.resolve("temporary")).toString());
        PodmanJob job = new PodmanJob(folder, find("podman").orElseThrow(), environment);
        try {
            job.run(program, load);
            return job;
        } catch (IOException | InterruptedException | RuntimeException failed) {
            job.close();
            throw failed;
        }
    }

    private void run(Path program, Load load) throws IOException, InterruptedException {
        Path skeleton = Files.createDirectory(folder.resolve("skeleton"));
        for (String empty : List.of("usr", "bench", "proc", "sys", "dev", "run", "tmp", "etc")) {
            Files.createDirectory(skeleton.resolve(empty));
        }
        List<String> mounts = new ArrayList<>(List.of("--volume", "/usr:/usr:ro", "--volume", program.getParent() + ":/bench:ro"));
        for (String link : LINKS) {
            Path own = Path.of("/", link);
            if (Files.isSymbolicLink(own)) {
                Files.createSymbolicLink(skeleton.resolve(link), Files.readSymbolicLink(own));
            } else if (Files.isDirectory(own)) {
                Files.createDirectory(skeleton.resolve(link));
                mounts.addAll(List.of("--volume", own + ":" + own + ":ro"));
            }
        }
        Path archive = folder.resolve("skeleton.tar");
        String packed = Tool.run(List.of("tar", "-C", skeleton.toString(), "-cf", archive.toString(), "."));
        String imported = podman(List.of("import", "--quiet", archive.toString(), IMAGE));
        List<String> command = new ArrayList<>(List.of("run", "--detach", "--name", name(), "--network", "none", "--cgroup-parent", "/" + group));
        // Its own limits are higher than what a process without CAP_SYS_RESOURCE may give.
        command.addAll(List.of("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"));
        command.addAll(mounts);
        command.add(IMAGE);
        command.addAll(load.command("/bench/" + program.getFileName()));
        String started = podman(command);
        long end = System.nanoTime() + Tool.LONG.toNanos();
        while (!podman(List.of("logs", name())).contains("step 3 ")) {
            if (System.nanoTime() > end || !podman(List.of("inspect", "--format", "{{.State.Running}}", name())).equals("true")) {
                throw new FerryException(ErrorCode.START_FAILED, "The workload did not start in podman: " + packed + imported + started + podman(List.of("logs", name())));
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
    }

    private String name() {
        return "workload-" + number;
    }

    private String podman(List<String> words) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(podman.toString(), "--root", folder.resolve("root").toString(), "--runroot", folder.resolve("run").toString(), "--tmpdir", folder.resolve("tmp").toString()));
        command.addAll(List.of("--storage-driver", "vfs", "--runtime", find("runc").orElseThrow().toString()));
        command.addAll(words);
        return Tool.run(command, environment);
    }

    /** Moves it by a file; seconds until it runs again. */
    double move() throws IOException, InterruptedException {
        Path file = folder.resolve("exported.tar.zst");
        String before = name();
        long begin = System.nanoTime();
        String saved = podman(List.of("container", "checkpoint", before, "--export", file.toString()));
        number++;
        String restored = podman(List.of("container", "restore", "--import", file.toString(), "--name", name()));
        double seconds = (System.nanoTime() - begin) / 1e9;
        String removed = podman(List.of("rm", "--force", before));
        if (saved.isEmpty() || restored.isEmpty() || removed.isEmpty()) {
            throw new FerryException(ErrorCode.INTERNAL, "podman did not name the container that it moved");
        }
        Files.delete(file);
        return seconds;
    }

    /** It stands still until that is closed. */
    StandStill standStill() throws IOException, InterruptedException {
        return StandStill.of(List.of(Integer.parseInt(podman(List.of("inspect", "--format", "{{.State.Pid}}", name())))));
    }

    /** The version, for the conditions. */
    static String version() throws IOException, InterruptedException {
        return Tool.run(List.of(find("podman").orElseThrow().toString(), "--version"));
    }

    @Override
    public void close() throws IOException, InterruptedException {
        String removed = podman(List.of("rm", "--force", "--all", "--time", "0"));
        String left = podman(List.of("ps", "--all", "--quiet"));
        if (!left.isEmpty()) {
            throw new FerryException(ErrorCode.INTERNAL, "podman has not removed the containers of the benchmark: " + removed + " " + left);
        }
        for (Path hierarchy : CgroupLayout.ofThisMachine().hierarchies()) {
            Path own = hierarchy.resolve(group);
            remove(own.resolve("conmon"));
            remove(own);
        }
    }

    /** Conmon ends a little after its container. */
    private static void remove(Path controlGroup) throws IOException {
        long end = System.nanoTime() + GONE_NANOS;
        while (Files.exists(controlGroup)) {
            try {
                Files.delete(controlGroup);
            } catch (IOException busy) {
                if (System.nanoTime() > end) {
                    throw busy;
                }
                LockSupport.parkNanos(LOOK_NANOS);
            }
        }
    }
}
