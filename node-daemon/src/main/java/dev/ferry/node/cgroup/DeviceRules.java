package dev.ferry.node.cgroup;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** The devices that every job may use, in the v1 devices controller's own language. */
final class DeviceRules {
    // null, zero, full, random, urandom, tty, ptmx and the job's own terminals.
    private static final List<String> ALLOWED =
            List.of("c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm");

    private DeviceRules() {}

    static void apply(Path group) throws IOException {
        GroupFiles.write(group.resolve("devices.deny"), "a");
        for (String rule : ALLOWED) {
            GroupFiles.write(group.resolve("devices.allow"), rule);
        }
    }
}
