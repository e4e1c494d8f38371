package dev.ferry.node.cgroup;

import static dev.ferry.node.cgroup.GroupFiles.read;
import static dev.ferry.node.cgroup.GroupFiles.write;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The folders of one group in every hierarchy.
 *
 * @param path relative to each hierarchy's root
 */
record GroupFolders(CgroupLayout layout, String path) {
    private static final Duration REMOVAL = Duration.ofSeconds(5);

    /** Makes those that are not there, with the ones above them. */
    void create() throws IOException {
        for (Path hierarchy : layout.hierarchies()) {
            create(hierarchy);
        }
    }

    /** Each level must pass on what the next needs: v2 controllers, v1 cpusets. */
    private void create(Path hierarchy) throws IOException {
        Path parent = hierarchy;
        for (Path name : Path.of(path)) {
            Path group = parent.resolve(name);
            for (String controller : CgroupLayout.LIMITING) {
                if (layout.unifiedWith(controller).equals(Optional.of(hierarchy))) {
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
        if (GroupFiles.words(group.resolve("cgroup.controllers")).contains(controller) && !GroupFiles.words(group.resolve("cgroup.subtree_control")).contains(controller)) {
            write(group.resolve("cgroup.subtree_control"), "+" + controller);
        }
    }

    /** Removes the empty group from every hierarchy, with groups that the job made below it. */
    void remove() throws IOException {
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
        for (Path child : GroupFiles.below(group)) {
            removeTree(child);
        }
        // A v1 group is busy for a moment after its last process was reaped.
        boolean gone = GroupFiles.await(REMOVAL, () -> !Files.isDirectory(group) || group.toFile().delete());
        if (!gone) {
            throw new IOException("control group " + group + " can't be removed; processes: " + read(group.resolve("cgroup.procs")).lines().toList());
        }
    }
}
