package dev.ferry.node.policy;

import dev.ferry.common.FerryException;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Mount;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.stream.Stream;

/**
 * Refuses what a job may not have on this node, before anything is made for it. Paths are judged by where they lead once
 * every symlink on them is followed. They may lead elsewhere a moment later, so what is to be mounted is judged again as the plan has it,
 * which knows its sources by what they are; whoever mounts them compares.
 */
public final class NodePolicy {
    /** The kernel's own file systems, devices, and the sockets of services: by each of them a job could have the node. */
    private static final List<Path> NEVER = Stream.of("/proc", "/sys", "/dev", "/run").map(Path::of).toList();

    private final PolicyConfig config;
    private final List<Path> own;

    /**
     * @param own the daemon's folders, which no job may see
     */
    public NodePolicy(PolicyConfig config, List<Path> own) {
        this.config = config;
        this.own = List.copyOf(own);
    }

    /** All that a node's own user may have, for nodes that serve nobody else. */
    public static NodePolicy hiding(List<Path> own) {
        return new NodePolicy(new PolicyConfig(List.of(), List.of(), List.of(), List.of(PolicyConfig.EVERYONE), true, true, PolicyConfig.USUAL_TASKS, List.of()), own);
    }

    /** How many processes and threads a job may have at a time. */
    public int tasks() {
        return config.tasks();
    }

    /** Folders that no job may see. */
    public List<Path> hidden() {
        return Stream.concat(own.stream(), config.hidden().stream().map(Path::of)).flatMap(folder -> Stream.of(folder, resolved(folder))).distinct().toList();
    }

    /** Whether a job without a root of its own has a file of this node in its sight; its user may not be allowed to read it. */
    public boolean shows(Path file) {
        Path real = resolved(file);
        return config.nodeRoot() && RootPlan.isShown(real) && hidden().stream().noneMatch(real::startsWith);
    }

    /**
     * @throws FerryException POLICY_REFUSED that says what is refused, MOUNT_REFUSED when a source is not there
     */
    public void check(JobSpec spec) {
        requireUser("user", spec.getUid());
        requireUser("group", spec.getGid());
        if (spec.getGpus() > 0 && !config.gpus()) {
            throw refused("jobs have no GPUs on this node");
        }
        if (spec.getRootfs().isEmpty()) {
            if (!config.nodeRoot()) {
                throw refused("a job must bring its own root file system (--rootfs)");
            }
        } else {
            requireAllowed("--rootfs", spec.getRootfs(), true);
        }
        if (!spec.getWorkdir().isEmpty()) {
            requireAllowed("--workdir", spec.getWorkdir(), false);
        }
        for (Mount mount : spec.getMountsList()) {
            requireAllowed("mount source", mount.getSource(), mount.getReadOnly());
        }
    }

    /**
     * Judges what is to be mounted.
     *
     * @throws FerryException POLICY_REFUSED
     */
    public void check(RootPlan plan) {
        for (RootPlan.Outside outside : plan.outside()) {
            RootPlan.Bind bind = outside.bind();
            requireAllowed("mount source " + bind.source(), bind.source(), bind.readOnly());
        }
    }

    /**
     * Looks whether processes may be those of all of these users and groups.
     *
     * @throws FerryException as {@link #check}
     */
    public void requireIds(Collection<Integer> ids) {
        ids.forEach(id -> requireUser("user or group", id));
    }

    private void requireUser(String what, int id) {
        if (config.ranges().stream().noneMatch(range -> range.holds(Integer.toUnsignedLong(id)))) {
            throw refused("jobs may not run as " + what + " " + Integer.toUnsignedString(id) + ", only as " + String.join(", ", config.users()));
        }
    }

    private void requireAllowed(String what, String named, boolean readOnly) {
        Path real = real(what, named);
        requireAllowed(what + " " + named + (real.toString().equals(named) ? "" : " (which is " + real + ")"), real, readOnly);
    }

    private void requireAllowed(String shown, Path real, boolean readOnly) {
        for (Path folder : Stream.concat(NEVER.stream(), own.stream()).toList()) {
            if (meets(real, folder)) {
                throw refused(shown + " lies in or holds " + folder + ", which no job may have");
            }
        }
        for (String folder : (Iterable<String>) Stream.concat(config.deniedMounts().stream(), config.hidden().stream())::iterator) {
            if (meets(real, Path.of(folder))) {
                throw refused(shown + " lies in or holds " + folder + ", which is denied here");
            }
        }
        for (String folder : config.readOnlyMounts()) {
            if (!readOnly && meets(real, Path.of(folder))) {
                throw refused(shown + " lies in or holds " + folder + ", which may be mounted read-only (:ro)");
            }
        }
        if (!config.allowedMounts().isEmpty() && config.allowedMounts().stream().noneMatch(folder -> real.startsWith(resolved(Path.of(folder))))) {
            throw refused(shown + " lies in none of " + String.join(", ", config.allowedMounts()));
        }
    }

    /** Where a path leads. */
    private static Path real(String what, String named) {
        try {
            Path path = Path.of(named);
            if (!path.isAbsolute() || !path.equals(path.normalize())) {
                throw refused(what + " " + named + " must be an absolute path without '.' and '..'");
            }
            return path.toRealPath();
        } catch (NoSuchFileException absent) {
            throw new FerryException(ErrorCode.MOUNT_REFUSED, what + " " + named + " does not exist on this node", absent);
        } catch (IOException | InvalidPathException unreadable) {
            throw new FerryException(ErrorCode.MOUNT_REFUSED, what + " " + named + " can't be resolved: " + unreadable.getMessage(), unreadable);
        }
    }

    /** Whether one of two is in the other: who has the upper one has the lower one too. */
    private static boolean meets(Path real, Path folder) {
        Path there = resolved(folder);
        return real.startsWith(there) || there.startsWith(real);
    }

    /** A folder of a rule as it is on this machine, where /bin may be /usr/bin. */
    private static Path resolved(Path folder) {
        try {
            return Files.exists(folder) ? folder.toRealPath() : folder.toAbsolutePath().normalize();
        } catch (IOException unreadable) {
            return folder.toAbsolutePath().normalize();
        }
    }

    private static FerryException refused(String message) {
        return new FerryException(ErrorCode.POLICY_REFUSED, "This node's policy: " + message);
    }
}
