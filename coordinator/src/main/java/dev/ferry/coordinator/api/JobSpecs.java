package dev.ferry.coordinator.api;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.evacuation.Policies;
import dev.ferry.coordinator.scheduling.TimeLimits;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Mount;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** What is wrong with what a user asks for. */
final class JobSpecs {
    private static final long LEAST_MEMORY = 4L << 20;
    private static final int MOST_PATH = 4095;
    private static final int MOST_SHOWN = 100;
    private static final int MOST_WORDS = 4096;
    private static final int MOST_CHARACTERS = 128 << 10;
    private static final int MOST_MOUNTS = 128;
    private static final int MOST_NAME = 253;
    private static final long MOST_CPU_MILLIS = 1_000_000_000;
    private static final long MOST_MEMORY = 1L << 50;
    private static final int MOST_GPUS = 4096;
    private static final int MOST_SIGNAL = 64;
    /** KILL, CHLD, which its first process keeps for itself, and STOP. */
    private static final Set<Integer> NOT_PASSED_ON = Set.of(9, 17, 19);
    private static final Duration MOST_GRACE = Duration.ofMinutes(10);
    /** The kernel's file systems and the sockets of services. */
    private static final List<String> KERNELS_OWN = List.of("proc", "sys", "dev", "run");
    /** As Slurm's. */
    private static final long MOST_NICE = 2147483645L;
    /** What the sandbox makes itself. */
    private static final List<String> SANDBOXS_OWN = List.of("proc", "sys", "dev", ".ferry");

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
        source(problems, "workdir", spec.getWorkdir());
        source(problems, "rootfs", spec.getRootfs());
        limits(problems, spec);
        for (Mount mount : spec.getMountsList()) {
            if (mount.getSource().isEmpty() || mount.getDestination().isEmpty()) {
                problems.add("a mount needs a source and a destination");
            }
            source(problems, "mount source", mount.getSource());
            path(problems, "mount destination", mount.getDestination(), SANDBOXS_OWN);
        }
        for (String name : spec.getEnvironmentMap().keySet()) {
            if (!name.matches("[A-Za-z_][A-Za-z0-9_]*")) {
                problems.add("'" + name + "' is not the name of an environment variable");
            }
            if (name.equals("FERRY_JOB") || name.equals("FERRY_NODE") || name.equals("FERRY_INCARNATION")) {
                problems.add(name + " is set by Ferry");
            }
            if (name.equals("CUDA_VISIBLE_DEVICES") && spec.getGpus() > 0) {
                problems.add(name + " keeps a job from coming back on other GPUs: leave it out, a job sees the GPUs that it was given and no others");
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
        if (spec.getNice() < -MOST_NICE || spec.getNice() > MOST_NICE) {
            problems.add("nice must be between -" + MOST_NICE + " and " + MOST_NICE);
        }
        if (!TimeLimits.isLimit(spec.getTimeLimitSeconds())) {
            problems.add("the time limit must not be negative, nor more than ten years");
        }
        if (!spec.getUserName().isEmpty() && !spec.getUserName().matches("[A-Za-z0-9][A-Za-z0-9._@-]{0,62}")) {
            problems.add("user '" + spec.getUserName() + "' must be letters, digits, '.', '_', '@' and '-', at most 63");
        }
        notification(problems, spec);
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

    /** How the job is told that it is about to be frozen. */
    private static void notification(List<String> problems, JobSpec spec) {
        int signal = spec.getNotifySignal();
        if (signal < 0 || signal > MOST_SIGNAL || NOT_PASSED_ON.contains(signal)) {
            problems.add("signal " + signal + " can't tell a job anything: choose one that a program can catch, but CHLD");
        }
        if (!spec.getNotifyFile().isEmpty() && !spec.getNotifyFile().matches("/(scratch|tmp)/[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")) {
            problems.add("the file by which it is told must lie right in /scratch or /tmp, its name of letters, digits, '.', '_' and '-', at most 64");
        }
        if (spec.getNotifyGraceMillis() < 0 || spec.getNotifyGraceMillis() > MOST_GRACE.toMillis()) {
            problems.add("it may take at most " + MOST_GRACE.toMinutes() + " minutes until it is ready to be frozen");
        }
        boolean untold = signal == 0 && spec.getNotifyFile().isEmpty();
        if (untold && spec.getNotifyGraceMillis() != 0) {
            problems.add("who is given a grace must be told by a signal or a file");
        }
    }

    /** A path on a node; where it leads there, the node's own policy judges. */
    private static void source(List<String> problems, String what, String path) {
        path(problems, what, path, KERNELS_OWN);
    }

    private static void path(List<String> problems, String what, String path, List<String> refused) {
        if (path.isEmpty()) {
            return;
        }
        String shown = path.length() > MOST_SHOWN ? path.substring(0, MOST_SHOWN) + "..." : path;
        if (!path.startsWith("/")) {
            problems.add(what + " '" + shown + "' must be an absolute path");
        } else if (path.length() > MOST_PATH || path.chars().anyMatch(Character::isISOControl)) {
            problems.add(what + " '" + shown.replaceAll("\\p{Cntrl}", "?") + "' must have at most " + MOST_PATH + " characters and no control characters");
        } else if (path.equals("/") || path.contains("//") || path.matches(".*/\\.{1,2}(/.*)?")) {
            problems.add(what + " '" + shown + "' must be a plain path below /, without '//', '.' and '..'");
        } else if (refused.contains(path.split("/", 3)[1])) {
            problems.add(what + " '" + shown + "': no job may have /" + path.split("/", 3)[1]);
        }
    }

    /** How large a job's description may be, so that nobody fills the coordinator's memory and database by one. */
    private static void limits(List<String> problems, JobSpec spec) {
        long words = spec.getCommandList().stream().mapToLong(String::length).sum();
        long variables = spec.getEnvironmentMap().entrySet().stream().mapToLong(entry -> entry.getKey().length() + entry.getValue().length()).sum();
        if (spec.getCommandCount() > MOST_WORDS || words > MOST_CHARACTERS) {
            problems.add("the command must have at most " + MOST_WORDS + " words and " + MOST_CHARACTERS + " characters");
        }
        if (spec.getEnvironmentCount() > MOST_WORDS || variables > MOST_CHARACTERS) {
            problems.add("the environment must have at most " + MOST_WORDS + " variables and " + MOST_CHARACTERS + " characters");
        }
        if (spec.getMountsCount() > MOST_MOUNTS) {
            problems.add("a job has at most " + MOST_MOUNTS + " mounts");
        }
        if (spec.getCpuMillis() > MOST_CPU_MILLIS || spec.getMemoryBytes() > MOST_MEMORY || spec.getGpus() > MOST_GPUS) {
            problems.add("no machine has that many CPUs, GPUs or that much memory");
        }
        for (String name : List.of(spec.getNode(), spec.getGpuModel(), spec.getAccount(), spec.getQos(), spec.getPartition(), spec.getUserName())) {
            if (name.length() > MOST_NAME || name.chars().anyMatch(Character::isISOControl)) {
                problems.add("names must have at most " + MOST_NAME + " characters and no control characters");
            }
        }
        boolean zero = spec.getCommandList().stream().anyMatch(word -> word.indexOf('\0') >= 0) || spec.getEnvironmentMap().values().stream().anyMatch(value -> value.indexOf('\0') >= 0);
        if (zero) {
            problems.add("neither the command nor the environment can hold a character of the value 0");
        }
    }
}
