package dev.ferry.node.sandbox;

import dev.ferry.proto.v1.JobSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Words of {@code ferry-init enter}. */
public final class EnterCommand {
    private static final Path MOUNT_INFO = Path.of("/proc/self/mountinfo");

    private EnterCommand() {}

    /**
     * What must come before a program that makes a job's mounts.
     *
     * @param more options beside those that the job needs
     * @return empty: nothing is needed
     */
    static List<String> before(Path helper, JobSpec spec, RootPlan plan, List<String> more) throws IOException {
        List<String> options = new ArrayList<>(flattenOptions(spec, plan));
        options.addAll(more);
        if (options.isEmpty()) {
            return List.of();
        }
        List<String> words = new ArrayList<>(List.of(helper.toString(), "enter"));
        words.addAll(options);
        words.add("--");
        return words;
    }

    /** Options that take away what is mounted below the sources of a job that has a user namespace. */
    public static List<String> flattenOptions(JobSpec spec, RootPlan plan) throws IOException {
        if (!OciSpec.hasUserNamespace(spec)) {
            return List.of();
        }
        List<String> options = new ArrayList<>();
        for (Path source : plan.sourcesWithMounts(Files.readAllLines(MOUNT_INFO))) {
            options.addAll(List.of("--flatten", source.toString()));
        }
        return options;
    }
}
