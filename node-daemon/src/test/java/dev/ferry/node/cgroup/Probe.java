package dev.ferry.node.cgroup;

import dev.ferry.node.posix.Posix;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A process that joins a group and opens a device there. */
public final class Probe {
    /** What the kernel says to a process whose group may not use a device. */
    public static final String REFUSED = "Operation not permitted";
    /** To one that may, where no driver has such a device. */
    public static final String NOT_THERE = "No such device or address";
    public static final String OPENED = "";

    private Probe() {}

    /**
     * What the kernel says when a process of the group opens a character device.
     *
     * @param folder for the device's node
     * @return the error, or nothing
     */
    public static String open(JobCgroup group, Path folder, int major, int minor) throws Exception {
        Path node = folder.resolve("c" + major + "-" + minor);
        if (!Files.exists(node)) {
            Posix.makeDevice(node, major, minor);
        }
        return run(group, "import os,sys\nos.close(os.open(sys.argv[1], os.O_RDWR | os.O_NONBLOCK))", node);
    }

    /** What the kernel says when a process of the group makes a device's node. */
    public static String make(JobCgroup group, Path folder, int major, int minor) throws Exception {
        Path node = folder.resolve("made-" + major + "-" + minor);
        String said = run(group, "import os,sys,stat\nos.mknod(sys.argv[1], 0o600 | stat.S_IFCHR, os.makedev(" + major + ", " + minor + "))", node);
        Files.deleteIfExists(node);
        return said;
    }

    private static String run(JobCgroup group, String act, Path node) throws Exception {
        List<String> lines = new ArrayList<>(List.of("import sys", "for group in sys.argv[2:]:", "    open(group, 'w').write('0')", "try:"));
        act.lines().forEach(line -> lines.add("    " + line));
        lines.addAll(List.of("except OSError as failed:", "    print(failed.strerror)"));
        List<String> command = new ArrayList<>(List.of("/usr/bin/python3", "-S", "-c", String.join("\n", lines), node.toString()));
        group.joinFiles().forEach(file -> command.add(file.toString()));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).trim();
        if (!process.waitFor(20, TimeUnit.SECONDS) || process.exitValue() != 0) {
            throw new AssertionError("the probe failed: " + said);
        }
        return said;
    }
}
