package dev.ferry.coordinator.api;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.evacuation.Policies;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Mount;
import java.util.ArrayList;
import java.util.List;

/** What is wrong with what a user asks for. */
final class JobSpecs {
    private static final long LEAST_MEMORY = 4L << 20;

    private JobSpecs() {}

    /**
     * @throws FerryException INVALID_ARGUMENT that names everything that is wrong
     */
    static void check(JobSpec spec) {
        List<String> problems = new ArrayList<>();
        if (spec.getCommandCount() == 0 || spec.getCommand(0).isEmpty()) {
            problems.add("the command is missing; write it behind '--'");
        }
        if (!spec.getName().isEmpty() && !spec.getName().matches("[A-Za-z0-9][A-Za-z0-9._-]{0,62}")) {
            problems.add("name '" + spec.getName() + "' must be letters, digits, '.', '_' and '-', at most 63");
        }
        if (spec.getName().matches("j-[a-z2-9]{8}")) {
            problems.add("name '" + spec.getName() + "' looks like a job's id");
        }
        absolute(problems, "workdir", spec.getWorkdir());
        absolute(problems, "rootfs", spec.getRootfs());
        for (Mount mount : spec.getMountsList()) {
            if (mount.getSource().isEmpty() || mount.getDestination().isEmpty()) {
                problems.add("a mount needs a source and a destination");
            }
            absolute(problems, "mount source", mount.getSource());
            absolute(problems, "mount destination", mount.getDestination());
        }
        for (String name : spec.getEnvironmentMap().keySet()) {
            if (!name.matches("[A-Za-z_][A-Za-z0-9_]*")) {
                problems.add("'" + name + "' is not the name of an environment variable");
            }
            if (name.equals("FERRY_JOB") || name.equals("FERRY_NODE") || name.equals("FERRY_INCARNATION")) {
                problems.add(name + " is set by Ferry");
            }
        }
        if (spec.getCpuMillis() < 0 || spec.getGpus() < 0 || spec.getUid() < 0 || spec.getGid() < 0) {
            problems.add("CPUs, GPUs, user and group must not be negative");
        }
        if (spec.getMemoryBytes() < 0 || (spec.getMemoryBytes() > 0 && spec.getMemoryBytes() < LEAST_MEMORY)) {
            problems.add("memory must be at least 4 MiB");
        }
        if (spec.getRetention().getLast() < 0 || spec.getRetention().getHourly() < 0 || spec.getRetention().getDaily() < 0) {
            problems.add("how many images are kept must not be negative");
        }
        if (spec.getTimeLimitSeconds() < 0) {
            problems.add("the time limit must not be negative");
        }
        if (!spec.getUserName().isEmpty() && !spec.getUserName().matches("[A-Za-z0-9][A-Za-z0-9._@-]{0,62}")) {
            problems.add("user '" + spec.getUserName() + "' must be letters, digits, '.', '_', '@' and '-', at most 63");
        }
        if (!spec.getCheckpointEvery().isEmpty()) {
            try {
                var unused = Policies.parse(spec.getCheckpointEvery());
            } catch (FerryException wrong) {
                problems.add("how often an image is made: " + wrong.getMessage());
            }
        }
        if (!problems.isEmpty()) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "The job can't be run: " + String.join("; ", problems));
        }
    }

    private static void absolute(List<String> problems, String what, String path) {
        if (!path.isEmpty() && !path.startsWith("/")) {
            problems.add(what + " '" + path + "' must be an absolute path");
        }
    }
}
