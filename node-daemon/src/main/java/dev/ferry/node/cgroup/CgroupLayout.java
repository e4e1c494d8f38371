package dev.ferry.node.cgroup;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Where this machine's control group hierarchies are mounted: v1 controllers one by one, one v2
 * hierarchy, or both (hybrid). Found in mountinfo, never assumed.
 *
 * @param unified mount point of the v2 hierarchy
 * @param controllers v1 controllers and the mount point of each; {@code name=systemd} is one
 */
public record CgroupLayout(Optional<Path> unified, Map<String, Path> controllers) {
    /** The controllers by which jobs are limited. */
    public static final List<String> LIMITING = List.of("cpu", "memory", "pids");

    private static final Set<String> V1_CONTROLLERS =
            Set.of("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "net_cls", "net_prio", "perf_event", "hugetlb", "rdma", "misc", "name=systemd");

    /** Name of the layout as users know it: v1, hybrid or v2. */
    public String kind() {
        if (controllers.isEmpty()) {
            return unified.isPresent() ? "v2" : "none";
        }
        return unified.isPresent() ? "hybrid" : "v1";
    }

    public static CgroupLayout ofThisMachine() throws IOException {
        CgroupLayout layout = parse(Files.readAllLines(Path.of("/proc/self/mountinfo")));
        if (layout.unified.isEmpty() && !layout.controllers.containsKey("freezer")) {
            throw new FerryException(
                    ErrorCode.TOOL_MISSING,
                    "No control group hierarchy that can freeze is mounted: neither cgroup2 nor the v1 freezer is in /proc/self/mountinfo");
        }
        return layout;
    }

    /** Reads the lines of a mountinfo file (proc_pid_mountinfo(5)). */
    static CgroupLayout parse(List<String> mountinfo) {
        Optional<Path> unified = Optional.empty();
        Map<String, Path> controllers = new LinkedHashMap<>();
        for (String line : mountinfo) {
            int separator = line.indexOf(" - ");
            if (separator < 0) {
                continue;
            }
            String[] mount = line.substring(0, separator).split(" ", -1);
            String[] system = line.substring(separator + 3).split(" ", -1);
            if (mount.length < 5 || system.length < 3) {
                continue;
            }
            Path at = Path.of(unescape(mount[4]));
            if (system[0].equals("cgroup2") && unified.isEmpty()) {
                unified = Optional.of(at);
            } else if (system[0].equals("cgroup")) {
                for (String option : system[2].split(",", -1)) {
                    if (V1_CONTROLLERS.contains(option)) {
                        controllers.putIfAbsent(option, at);
                    }
                }
            }
        }
        return new CgroupLayout(unified, Map.copyOf(controllers));
    }

    /** Every hierarchy once: several v1 controllers may share one mount. */
    public Set<Path> hierarchies() {
        return Stream.concat(unified.stream(), controllers.values().stream()).collect(Collectors.toCollection(java.util.TreeSet::new));
    }

    /** Whether groups can be held to what a controller limits, by v1 or v2. */
    public boolean limits(String controller) {
        return controllers.containsKey(controller) || unifiedWith(controller).isPresent();
    }

    /** The v2 hierarchy, where that is what a controller works in: one that is mounted as v1 is not in it. */
    Optional<Path> unifiedWith(String controller) {
        return unified.filter(root -> !controllers.containsKey(controller) && GroupFiles.words(root.resolve("cgroup.controllers")).contains(controller));
    }

    Optional<Path> controller(String name) {
        return Optional.ofNullable(controllers.get(name));
    }

    private static String unescape(String path) {
        return path.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\");
    }
}
