package dev.ferry.cli.bench;

import dev.ferry.common.FerryException;
import dev.ferry.node.doctor.Machine;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Mount;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/**
 * A program with GPU state that prints a line for each step; the same steps give the same lines, whatever happens to it on the way.
 *
 * @param program its words on the machine; the first argument that follows is the number of steps
 * @param inJob its words in a sandbox
 * @param arguments that follow the number of steps
 * @param environment of its own, in both
 * @param bare more of it for a process without a sandbox: where its devices are
 * @param folder with what it needs; it is at {@link #FOLDER} in the sandbox
 * @param memoryBytes its limit of main memory, without device memory
 * @param deviceBytes how much device memory it works on; 0: what the driver says
 */
record GpuProgram(
        String title, int gpus, List<String> program, List<String> inJob, List<String> arguments, Map<String, String> environment, Map<String, String> bare, Path folder, long memoryBytes, long deviceBytes) {
    static final String FOLDER = "/ferry-check";
    static final String CHECK = "ferry-gpu-check";
    static final String TRAINING = "gpu_training.py";
    private static final long SMALL = 1L << 30;
    private static final long LARGE = 12L << 30;
    private static final Path MOUNTS = Path.of("/proc/self/mountinfo");
    private static final Pattern OF_THE_DRIVER = Pattern.compile("/(usr|opt|etc|lib|lib64|bin)/.*(nvidia|libcuda|libnv)[^/]*");

    GpuProgram {
        program = List.copyOf(program);
        inJob = List.copyOf(inJob);
        arguments = List.copyOf(arguments);
        environment = Map.copyOf(environment);
        bare = Map.copyOf(bare);
    }

    /** The C program, which knows nothing but the driver's interface. */
    static GpuProgram driverApi(Path folder, int gpus, int mebibytes, Map<String, String> bare) {
        return new GpuProgram(
                "C program of the driver API, " + gpus + (gpus == 1 ? " GPU" : " GPUs"),
                gpus,
                List.of(folder.resolve(CHECK).toString(), "train"),
                List.of(FOLDER + "/" + CHECK, "train"),
                List.of(Integer.toString(mebibytes), Integer.toString(gpus)),
                Map.of(),
                bare,
                folder,
                SMALL,
                (long) mebibytes * gpus << 20);
    }

    /** The PyTorch training, by a Python that was found to have it. */
    static GpuProgram training(Path folder, TorchPython python, Map<String, String> bare) throws IOException {
        long memory = Math.min(LARGE, Machine.resources().getMemoryBytes() / 4 * 3);
        return new GpuProgram(
                "PyTorch " + python.version() + " training, 1 GPU",
                1,
                List.of(python.path().toString(), folder.resolve(TRAINING).toString()),
                List.of(python.path().toString(), FOLDER + "/" + TRAINING),
                List.of(),
                // Without it cuBLAS may sum in another order from one call to the next.
                Map.of("CUBLAS_WORKSPACE_CONFIG", ":4096:8", "PYTHONDONTWRITEBYTECODE", "1"),
                bare,
                folder,
                memory,
                0);
    }

    /** As a job that would go on for ever. */
    JobSpec spec() throws IOException {
        return JobSpec.newBuilder()
                .addAllCommand(inJob)
                .addCommand(Integer.toString(Integer.MAX_VALUE))
                .addAllCommand(arguments)
                .putAllEnvironment(environment)
                .setGpus(gpus)
                .setMemoryBytes(memoryBytes)
                .addMounts(Mount.newBuilder().setSource(folder.toString()).setDestination(FOLDER).setReadOnly(true))
                .addAllMounts(driverFiles(Files.readAllLines(MOUNTS)))
                .build();
    }

    /**
     * Files of the driver that are mounted one by one, as NVIDIA's container runtime does: a sandbox binds the folders around them
     * without what is mounted below.
     *
     * @param mountInfo lines of /proc/self/mountinfo
     */
    static List<Mount> driverFiles(List<String> mountInfo) {
        return mountInfo.stream()
                .map(line -> line.split(" ", 6)[4])
                .filter(point -> OF_THE_DRIVER.matcher(point).matches())
                .distinct()
                .map(point -> Mount.newBuilder().setSource(point).setDestination(point).setReadOnly(true).build())
                .toList();
    }

    /** Starts it as a plain process, with its output in a file. */
    Process start(int steps, Path output) throws IOException {
        List<String> words = new ArrayList<>(program);
        words.add(Integer.toString(steps));
        words.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(words).redirectErrorStream(true).redirectInput(Path.of("/dev/null").toFile()).redirectOutput(output.toFile());
        builder.environment().putAll(environment);
        builder.environment().putAll(bare);
        return builder.start();
    }

    /**
     * The lines of so many steps when nothing happens to it.
     *
     * @throws FerryException INTERNAL when it fails, DEADLINE_EXCEEDED
     */
    List<String> alone(int steps, Path output, TimeLimit limit) throws IOException, InterruptedException {
        Process process = start(steps, output);
        try {
            if (!process.waitFor(limit.left().toMillis(), TimeUnit.MILLISECONDS)) {
                throw new FerryException(ErrorCode.DEADLINE_EXCEEDED, "The program without interruption did not end in the time that was left");
            }
            List<String> lines = Files.readAllLines(output);
            if (process.exitValue() != 0) {
                throw new FerryException(ErrorCode.INTERNAL, "The program fails also without Ferry, with status " + process.exitValue(), lines.subList(Math.max(0, lines.size() - 15), lines.size()), null);
            }
            return lines;
        } finally {
            process.destroyForcibly();
        }
    }
}
