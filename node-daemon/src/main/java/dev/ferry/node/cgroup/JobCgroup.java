package dev.ferry.node.cgroup;

import dev.ferry.common.FerryException;
import dev.ferry.node.posix.Posix;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
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
import java.util.stream.Stream;

/**
 * The control group of one job, under the same relative path in every hierarchy. The daemon makes
 * it, freezes and thaws it and removes it; runc and CRIU only put processes into it.
 */
public final class JobCgroup {
    private static final long CPU_PERIOD_MICROS = 100_000;
    private static final long LOOK_NANOS = 500_000;
    private static final int SIGKILL = 9;
    private static final Duration REMOVAL = Duration.ofSeconds(5);
    private static final Duration ROUND = Duration.ofMillis(50);
    /** A group in a held one, empty: the kernel's own record of the hold, which is gone when the processes are and does not age as files do. */
    private static final String HELD = "ferry-held";

    private final CgroupLayout layout;
    private final String path;
    private final Hold hold;

    /** Whether the group must stay frozen, whoever wants to thaw it. Its monitor orders a hold and a thaw that come at the same time. */
    public interface Hold {
        boolean isHeld();
    }

    /**
     * @param path relative to each hierarchy's root, for example {@code ferry/node-1/j-abc}
     */
    public JobCgroup(CgroupLayout layout, String path) {
        this(layout, path, () -> false);
    }

    /** With a word on whether it may be thawed at all. */
    public JobCgroup(CgroupLayout layout, String path, Hold hold) {
        this.layout = layout;
        this.path = path;
        this.hold = hold;
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
        createFolders();
        letGo();
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

    /** Makes the group, without limits; one that is there stays as it is. */
    public void createFolders() throws IOException {
        for (Path hierarchy : layout.hierarchies()) {
            makeFolders(hierarchy);
        }
    }

    /** The limit as it is now, in bytes; 0: not known, or none. */
    public long memoryLimit() {
        Path file = layout.controllers().isEmpty() ? freezerFolder().resolve("memory.max") : inController("memory").map(group -> group.resolve("memory.limit_in_bytes")).orElse(freezerFolder().resolve("memory.max"));
        String limit = read(file).trim();
        return limit.matches("\\d{1,18}") ? Long.parseLong(limit) : 0;
    }

    /** Changes the limit of a group that is there. */
    public void limitMemory(long bytes) throws IOException {
        if (layout.controllers().isEmpty()) {
            write(freezerFolder().resolve("memory.max"), Long.toString(bytes));
            return;
        }
        Optional<Path> memory = inController("memory");
        if (memory.isPresent()) {
            write(memory.get().resolve("memory.limit_in_bytes"), Long.toString(bytes));
        }
    }

    /**
     * Lets the group use more devices than every job may. In v2 runc does it by the rules of its configuration.
     *
     * @param rules in the language of the v1 controller, for example {@code c 195:0 rw}
     */
    public void allowDevices(List<String> rules) throws IOException {
        Optional<Path> devices = inController("devices");
        if (devices.isPresent() && Files.isDirectory(devices.get())) {
            for (String rule : rules) {
                write(devices.get().resolve("devices.allow"), rule);
            }
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
            if (!isHeld()) {
                setFrozen(false);
            }
            throw new FerryException(
                    ErrorCode.FREEZE_TIMEOUT,
                    "The kernel did not freeze the control group " + path() + " within " + atMost.toMillis() + " ms; processes: " + processes());
        }
    }

    /**
     * Lets every process of the group go on; returns when the kernel says so.
     *
     * @throws FerryException FREEZE_TIMEOUT, WRONG_STATE when the group is held
     */
    public void thaw(Duration atMost) throws IOException {
        synchronized (hold) {
            if (isHeld()) {
                throw new FerryException(ErrorCode.WRONG_STATE, "The control group " + path() + " is held: the coordinator has said that this life shall not run here");
            }
            setFrozen(false);
        }
        // A group above that is frozen holds it all the same: that is not ours to end.
        if (!await(atMost, () -> !isFrozen() || isHeldFromAbove())) {
            throw new FerryException(
                    ErrorCode.FREEZE_TIMEOUT, "The kernel did not thaw the control group " + path() + " within " + atMost.toMillis() + " ms");
        }
    }

    /**
     * Stops every process of the group, without waiting until all have stopped; those that come into it later stop as well. The group stays
     * held until {@link #letGo}, also for a daemon whose journals were lost meanwhile, or are older than the hold.
     */
    public void hold() throws IOException {
        synchronized (hold) {
            Path mark = freezerFolder().resolve(HELD);
            try {
                // Before the freeze: a group that only the hold has frozen does not stand without its mark.
                if (!Files.isDirectory(mark)) {
                    Files.createDirectory(mark);
                }
            } finally {
                setFrozen(true);
            }
        }
    }

    /** Ends a hold. The group is not thawed. */
    public void letGo() throws IOException {
        synchronized (hold) {
            Files.deleteIfExists(freezerFolder().resolve(HELD));
        }
    }

    /** Whether the group must not be thawed. */
    public boolean isHeld() {
        return hold.isHeld() || Files.isDirectory(freezerFolder().resolve(HELD));
    }

    /** What the kernel says, not what was asked for. A group that only stands still because one above it is frozen is not frozen itself. */
    public boolean isFrozen() {
        if (layout.unified().isPresent()) {
            return read(freezerFolder().resolve("cgroup.freeze")).startsWith("1") && read(freezerFolder().resolve("cgroup.events")).contains("frozen 1");
        }
        return read(freezerFolder().resolve("freezer.self_freezing")).startsWith("1") && read(freezerFolder().resolve("freezer.state")).startsWith("FROZEN");
    }

    /** Whether the group stands still because one above it is frozen, whatever is asked of itself. */
    public boolean isHeldFromAbove() {
        if (layout.unified().isEmpty()) {
            return read(freezerFolder().resolve("freezer.parent_freezing")).startsWith("1");
        }
        Path root = layout.unified().orElseThrow();
        for (Path above = freezerFolder().getParent(); above != null && !above.equals(root); above = above.getParent()) {
            if (read(above.resolve("cgroup.freeze")).startsWith("1")) {
                return true;
            }
        }
        return false;
    }

    /** The names of the groups in it; none when it is not there. */
    public List<String> names() {
        return below(freezerFolder()).stream().map(group -> group.getFileName().toString()).toList();
    }

    public boolean exists() {
        return Files.isDirectory(freezerFolder());
    }

    /** Host pids of the group's processes; a zombie that nobody reaped counts. */
    public List<Integer> processes() {
        return pids(freezerFolder());
    }

    /** Whether no process is in the group or in one below it. */
    public boolean isEmpty() {
        if (layout.unified().isPresent()) {
            return !read(freezerFolder().resolve("cgroup.events")).contains("populated 1");
        }
        return withAllBelow(freezerFolder()).allMatch(group -> pids(group).isEmpty());
    }

    /** Kills each process of the group and of those below it, frozen or not. */
    public void killAll() throws IOException {
        for (Path hierarchy : layout.hierarchies()) {
            for (Path group : withAllBelow(hierarchy.resolve(path)).toList()) {
                for (int pid : pids(group)) {
                    Posix.kill(pid, SIGKILL);
                }
                // A v1 freezer keeps a killed process until it is thawed.
                thaw(group);
            }
        }
    }

    /** Kills each process of the group itself; a frozen one of a v1 group dies when it is thawed. */
    public void killProcesses() throws IOException {
        for (int pid : processes()) {
            Posix.kill(pid, SIGKILL);
        }
    }

    /**
     * Kills each process of the group, frozen or not, and waits until none is left.
     *
     * @throws FerryException INTERNAL when processes are left after the time (stuck in the kernel)
     */
    public void kill(Duration atMost) throws IOException {
        long end = System.nanoTime() + atMost.toNanos();
        // Again and again: between a look and a kill one may have forked.
        do {
            killProcesses();
            letTheKilledDie();
        } while (!awaitEmpty(ROUND) && System.nanoTime() < end);
        if (!processes().isEmpty()) {
            throw undying(atMost);
        }
    }

    /** That processes of the group did not die. */
    public FerryException undying(Duration within) {
        return new FerryException(ErrorCode.INTERNAL, "Processes " + processes() + " of control group " + path() + " did not die within " + within.toSeconds() + " s of SIGKILL");
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
        // Most have none below them: to look through a group's files takes longer than to remove it.
        if (!Files.isDirectory(group) || group.toFile().delete()) {
            return;
        }
        for (Path child : below(group)) {
            removeTree(child);
        }
        // A v1 group is busy for a moment after its last process was reaped.
        boolean gone = await(REMOVAL, () -> !Files.isDirectory(group) || group.toFile().delete());
        if (!gone) {
            throw new IOException("control group " + group + " can't be removed; processes: " + read(group.resolve("cgroup.procs")).lines().toList());
        }
    }

    private static void thaw(Path v1Freezer) throws IOException {
        Path state = v1Freezer.resolve("freezer.state");
        try {
            if (!read(state).isEmpty()) {
                write(state, "THAWED");
            }
        } catch (IOException failed) {
            if (Files.exists(v1Freezer)) {
                throw failed;
            }
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

    /** A group and those below it; one that is removed meanwhile may be missing, as its processes are. */
    private static Stream<Path> withAllBelow(Path group) {
        return Stream.concat(Stream.of(group), below(group).stream().flatMap(JobCgroup::withAllBelow));
    }

    /** The groups in a group; none when it is gone. */
    private static List<Path> below(Path group) {
        List<Path> children = new ArrayList<>();
        try (var entries = Files.newDirectoryStream(group, Files::isDirectory)) {
            entries.forEach(children::add);
        } catch (IOException | DirectoryIteratorException gone) {
            // Removed between two looks: its last process has ended, so nothing below it is left to be found.
        }
        return children;
    }

    private static List<Integer> pids(Path group) {
        return read(group.resolve("cgroup.procs")).lines().map(Integer::valueOf).toList();
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
