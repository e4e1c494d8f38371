package dev.ferry.node.cgroup;

import static dev.ferry.node.cgroup.GroupFiles.await;
import static dev.ferry.node.cgroup.GroupFiles.below;
import static dev.ferry.node.cgroup.GroupFiles.pids;
import static dev.ferry.node.cgroup.GroupFiles.read;
import static dev.ferry.node.cgroup.GroupFiles.withAllBelow;
import static dev.ferry.node.cgroup.GroupFiles.write;

import dev.ferry.common.FerryException;
import dev.ferry.node.posix.Posix;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * The control group of one job, under the same relative path in every hierarchy. The daemon makes
 * it, freezes and thaws it and removes it; runc and CRIU only put processes into it.
 */
public final class JobCgroup {
    private static final int SIGKILL = 9;
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
        limits().set(cpuMillis, memoryBytes);
    }

    /** Makes the group, without limits; one that is there stays as it is. */
    public void createFolders() throws IOException {
        new GroupFolders(layout, path).create();
    }

    /** Removes the empty group from every hierarchy, with groups that the job made below it. */
    public void remove() throws IOException {
        new GroupFolders(layout, path).remove();
    }

    /** What the group may use. */
    public GroupLimits limits() {
        return new GroupLimits(layout, path);
    }

    /** The files a process writes "0" to in order to join the group in every hierarchy. */
    public List<Path> joinFiles() {
        return layout.hierarchies().stream().map(hierarchy -> hierarchy.resolve(path).resolve("cgroup.procs")).toList();
    }

    /** The folder that CRIU's --freeze-cgroup wants. */
    public Path freezerFolder() {
        return layout.unified().map(root -> root.resolve(path)).orElseGet(() -> layout.controller("freezer").orElseThrow().resolve(path));
    }

    /**
     * Stops every process of the group and waits for the kernel's word.
     *
     * @throws FerryException FREEZE_TIMEOUT; the group is thawed again then
     */
    public void freeze(Duration atMost) throws IOException {
        setFrozen(true);
        if (!await(atMost, this::isFrozen)) {
            synchronized (hold) {
                if (!isHeld()) {
                    setFrozen(false);
                }
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
            thaw(freezerFolder());
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

}
