package dev.ferry.node.policy;

import java.io.File;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What jobs may ask for on a node.
 *
 * @param allowedMounts folders that may be mounted or be a job's root, with all below; empty: all that are not denied
 * @param deniedMounts folders that may not, nor one that holds them
 * @param readOnlyMounts folders that may be mounted read-only
 * @param users numeric users and groups that jobs may run as: numbers and ranges
 * @param nodeRoot whether the node's own file system, read-only, may be a job's root
 * @param gpus whether jobs may have GPUs
 * @param tasks how many processes and threads a job may have at a time
 * @param hidden folders that no job sees, in the node's root or by a mount
 */
public record PolicyConfig(List<String> allowedMounts, List<String> deniedMounts, List<String> readOnlyMounts, List<String> users, boolean nodeRoot, boolean gpus, int tasks, List<String> hidden) {
    private static final Pattern RANGE = Pattern.compile("(\\d{1,10})(?:-(\\d{1,10}))?");
    /** Enough for a program with a thousand threads on each of several processes; a machine has 4 million PIDs, if nobody has set less. */
    static final int USUAL_TASKS = 16384;

    /** ferry-init, criu and what it starts are in the job's group too. */
    private static final int LEAST_TASKS = 64;

    static final String EVERYONE = "0-2147483647";

    public PolicyConfig {
        allowedMounts = List.copyOf(allowedMounts);
        deniedMounts = List.copyOf(deniedMounts);
        readOnlyMounts = List.copyOf(readOnlyMounts);
        users = List.copyOf(users);
        hidden = List.copyOf(hidden);
    }

    /** A job of root that could write where programs and their settings lie would have the node. */
    public static PolicyConfig defaults() {
        return new PolicyConfig(
                List.of(),
                List.of("/root", "/var/lib/containerd", "/var/lib/docker", "/var/lib/ferry", "/var/lib/kubelet", "/var/spool/cron"),
                List.of("/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/opt", "/sbin", "/usr", "/var"),
                List.of(EVERYONE),
                true,
                true,
                USUAL_TASKS,
                List.of("/etc/ferry", "/etc/ssh", "/root"));
    }

    /** Numbers from the first to the last. */
    record Range(long first, long last) {
        boolean holds(long number) {
            return number >= first && number <= last;
        }
    }

    List<Range> ranges() {
        List<Range> ranges = new ArrayList<>();
        for (String text : users) {
            Matcher range = RANGE.matcher(text);
            if (range.matches()) {
                long first = Long.parseLong(range.group(1));
                ranges.add(new Range(first, range.group(2) == null ? first : Long.parseLong(range.group(2))));
            }
        }
        return ranges;
    }

    /** One line for each problem, each beginning with the key. */
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        absolute(problems, "allowedMounts", allowedMounts);
        absolute(problems, "deniedMounts", deniedMounts);
        absolute(problems, "readOnlyMounts", readOnlyMounts);
        absolute(problems, "hidden", hidden);
        // An empty folder is mounted over what is hidden.
        hidden.stream().map(File::new).filter(path -> path.exists() && !path.isDirectory()).forEach(path -> problems.add("hidden: '" + path + "' is not a folder, and only folders can be hidden"));
        for (String text : users) {
            if (!RANGE.matcher(text).matches()) {
                problems.add("users: '" + text + "' must be a number or a range such as 1000-60000");
            }
        }
        if (tasks < LEAST_TASKS) {
            problems.add("tasks: must be at least " + LEAST_TASKS);
        }
        if (users.isEmpty()) {
            problems.add("users: nobody could run a job");
        }
        return problems;
    }

    private static void absolute(List<String> problems, String key, List<String> paths) {
        for (String path : paths) {
            if (!path.startsWith("/") || path.indexOf('\0') >= 0) {
                problems.add(key + ": '" + path + "' must be an absolute path");
            }
        }
    }
}
