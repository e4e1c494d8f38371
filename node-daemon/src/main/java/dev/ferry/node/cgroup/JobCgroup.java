package dev.ferry.node.cgroup;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * The control group of one job, under the same relative path in every hierarchy. The daemon makes
 * it, freezes and thaws it and removes it; runc and CRIU only put processes into it.
 */
public final class JobCgroup {
    private static final long CPU_PERIOD_MICROS = 100_000;
    private static final long LOOK_NANOS = 500_000;
    private static final Duration REMOVAL = Duration.ofSeconds(5);

    private final CgroupLayout layout;
    private final String path;

    /**
     * @param path relative to each hierarchy's root, for example {@code ferry/node-1/j-abc}
     */
    public JobCgroup(CgroupLayout layout, String path) {
        this.layout = layout;
        this.path = path;
    }

    /** The path as runc wants it in cgroupsPath. */
    public String path() {
        return "/" + path;
    }

    /**
     * Makes the group with its limits; one that is there already gets the limits anew.
     *
     * @param cpuMillis thousandths of a CPU
     */
    public void create(long cpuMillis, long memoryBytes) throws IOException {
        for (Path hierarchy : layout.hierarchies()) {
            makeFolders(hierarchy);
        }
        long quota = Math.max(1000, cpuMillis * CPU_PERIOD_MICROS / 1000);
        if (layout.controllers().isEmpty()) {
            Path group = layout.unified().orElseThrow().resolve(path);
            write(group.resolve("cpu.max"), quota + " " + CPU_PERIOD_MICROS);
            write(group.resolve("memory.max"), Long.toString(memoryBytes));
            return;
        }
        Optional<Path> cpu = inController("cpu");
        if (cpu.isPresent()) {
            write(cpu.get().resolve("cpu.cfs_period_us"), Long.toString(CPU_PERIOD_MICROS));
            write(cpu.get().resolve("cpu.cfs_quota_us"), Long.toString(quota));
        }
        Optional<Path> memory = inController("memory");
        if (memory.isPresent()) {
            write(memory.get().resolve("memory.limit_in_bytes"), Long.toString(memoryBytes));
        }
        Optional<Path> devices = inController("devices");
        if (devices.isPresent()) {
            DeviceRules.apply(devices.get());
        }
    }

    /** The files a process writes "0" to in order to join the group in every hierarchy. */
    public List<Path> joinFiles() {
        return layout.hierarchies().stream().map(hierarchy -> hierarchy.resolve(path).resolve("cgroup.procs")).toList();
    }

    /** The folder that CRIU's --freeze-cgroup wants. */
    public Path freezerFolder() {
        return layout.unified().map(root -> root.resolve(path)).orElseGet(() -> inController("freezer").orElseThrow());
    }

    /**
     * Stops every process of the group and waits for the kernel's word.
     *
     * @throws FerryException FREEZE_TIMEOUT; the group is thawed again then
     */
    public void freeze(Duration atMost) throws IOException {
        setFrozen(true);
        if (!await(atMost, this::isFrozen)) {
            setFrozen(false);
            throw new FerryException(
                    ErrorCode.FREEZE_TIMEOUT,
                    "The kernel did not freeze the control group " + path() + " within " + atMost.toMillis() + " ms; processes: " + processes());
        }
    }

    /** Lets every process of the group go on; returns when the kernel says so or after the time. */
    public void thaw(Duration atMost) throws IOException {
        setFrozen(false);
        if (!await(atMost, () -> !isFrozen())) {
            throw new FerryException(
                    ErrorCode.FREEZE_TIMEOUT, "The kernel did not thaw the control group " + path() + " within " + atMost.toMillis() + " ms");
        }
    }

    /** What the kernel says, not what was asked for. */
    public boolean isFrozen() {
        if (layout.unified().isPresent()) {
            return read(freezerFolder().resolve("cgroup.events")).contains("frozen 1");
        }
        return read(freezerFolder().resolve("freezer.state")).startsWith("FROZEN");
    }

    public boolean exists() {
        return Files.isDirectory(freezerFolder());
    }

    /** Host pids of the group's processes; a zombie that nobody reaped counts. */
    public List<Integer> processes() {
        return read(freezerFolder().resolve("cgroup.procs")).lines().map(Integer::valueOf).toList();
    }

    /** Waits until no process is left. */
    public boolean awaitEmpty(Duration atMost) {
        return await(atMost, () -> processes().isEmpty());
    }

    /** A v1 freezer keeps a killed process until it is thawed; v2 lets it die. */
    public void letTheKilledDie() throws IOException {
        if (layout.unified().isEmpty()) {
            setFrozen(false);
        }
    }

    /** How often the kernel killed a process of the group for want of memory. */
    public long outOfMemoryKills() {
        Path file =
                layout.controllers().isEmpty()
                        ? freezerFolder().resolve("memory.events")
                        : inController("memory").map(group -> group.resolve("memory.oom_control")).orElse(freezerFolder().resolve("memory.events"));
        return read(file).lines().filter(line -> line.startsWith("oom_kill ")).mapToLong(line -> Long.parseLong(line.substring(9).trim())).sum();
    }

    /** Removes the empty group from every hierarchy, with groups that the job made below it. */
    public void remove() throws IOException {
        List<IOException> failures = new ArrayList<>();
        for (Path hierarchy : layout.hierarchies()) {
            try {
                removeTree(hierarchy.resolve(path));
            } catch (IOException failed) {
                failures.add(failed);
            }
        }
        if (!failures.isEmpty()) {
            throw failures.getFirst();
        }
    }

    private static void removeTree(Path group) throws IOException {
        if (!Files.isDirectory(group)) {
            return;
        }
        try (var below = Files.newDirectoryStream(group, Files::isDirectory)) {
            for (Path child : below) {
                removeTree(child);
            }
        }
        // A v1 group is busy for a moment after its last process was reaped.
        boolean gone = await(REMOVAL, () -> !Files.isDirectory(group) || group.toFile().delete());
        if (!gone) {
            throw new IOException("control group " + group + " can't be removed; processes: " + read(group.resolve("cgroup.procs")).lines().toList());
        }
    }

    private void setFrozen(boolean frozen) throws IOException {
        if (layout.unified().isPresent()) {
            write(freezerFolder().resolve("cgroup.freeze"), frozen ? "1" : "0");
        } else {
            write(freezerFolder().resolve("freezer.state"), frozen ? "FROZEN" : "THAWED");
        }
    }

    /** Each level must pass on what the next needs: v2 controllers, v1 cpusets. */
    private void makeFolders(Path hierarchy) throws IOException {
        Path parent = hierarchy;
        for (Path name : Path.of(path)) {
            Path group = parent.resolve(name);
            if (layout.controllers().isEmpty()) {
                for (String controller : List.of("cpu", "memory", "pids")) {
                    enable(parent, controller);
                }
            }
            try {
                Files.createDirectory(group);
            } catch (FileAlreadyExistsException there) {
                // Another job's, or ours from before.
            }
            for (String cpuset : List.of("cpuset.cpus", "cpuset.mems")) {
                Path file = group.resolve(cpuset);
                if (Files.exists(group.resolve("cgroup.clone_children")) && Files.exists(file) && read(file).isBlank()) {
                    write(file, read(parent.resolve(cpuset)).trim());
                }
            }
            parent = group;
        }
    }

    private static void enable(Path group, String controller) throws IOException {
        if (read(group.resolve("cgroup.controllers")).contains(controller)
                && !read(group.resolve("cgroup.subtree_control")).contains(controller)) {
            write(group.resolve("cgroup.subtree_control"), "+" + controller);
        }
    }

    private Optional<Path> inController(String name) {
        return layout.controller(name).map(root -> root.resolve(path));
    }

    private static boolean await(Duration atMost, BooleanSupplier condition) {
        long end = System.nanoTime() + atMost.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > end) {
                return false;
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
        return true;
    }

    /** Empty when the file is not there: the group is gone. */
    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (NoSuchFileException gone) {
            return "";
        } catch (IOException raced) {
            // ENODEV: the group was removed between open and read.
            return "";
        }
    }

    static void write(Path file, String value) throws IOException {
        try {
            Files.writeString(file, value);
        } catch (IOException failed) {
            throw new IOException("can't write '" + value + "' to " + file + ": " + failed.getMessage(), failed);
        }
    }
}
