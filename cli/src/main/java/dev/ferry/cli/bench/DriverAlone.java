package dev.ferry.cli.bench;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** What Ferry's times are compared with: plain copies of pinned memory, and the driver's calls on a process without Ferry, without CRIU, without a sandbox. */
final class DriverAlone {
    private static final Duration EACH = Duration.ofSeconds(60);
    private static final int ROUNDS = 3;
    private static final int FEW_LINES = 3;

    private final GpuProgram program;
    private final Path folder;
    private final TimeLimit limit;
    private final List<GpuReport.Refusal> refusals = new ArrayList<>();

    private DriverAlone(GpuProgram program, Path folder, TimeLimit limit) {
        this.program = program;
        this.folder = folder;
        this.limit = limit;
    }

    /**
     * @param program the C program, on one GPU
     * @param folder for outputs
     */
    static GpuReport.Driver measure(GpuProgram program, Path folder, TimeLimit limit) throws IOException, InterruptedException {
        return new DriverAlone(program, folder, limit).measure();
    }

    private GpuReport.Driver measure() throws IOException, InterruptedException {
        Map<String, List<Double>> copies = new LinkedHashMap<>();
        Map<String, List<Double>> calls = new LinkedHashMap<>();
        String mebibytes = Long.toString(program.deviceBytes() >> 20);
        attempt("copies of pinned memory", () -> check(List.of("copy", mebibytes, Integer.toString(ROUNDS))).forEach(words -> add(copies, words[0], Double.parseDouble(words[1]) / Double.parseDouble(words[2]))));
        attempt("the driver's calls", () -> onProcess(calls));
        return new GpuReport.Driver(program.deviceBytes(), copies, calls, refusals);
    }

    private interface Act {
        void run() throws IOException, InterruptedException;
    }

    private void attempt(String what, Act act) throws IOException, InterruptedException {
        if (!limit.hasLeft(EACH)) {
            refusals.add(new GpuReport.Refusal("NOT_TRIED", what + ": the time was over", "", List.of()));
            return;
        }
        try {
            act.run();
        } catch (FerryException failed) {
            refusals.add(GpuReport.Refusal.of(failed));
        }
    }

    private static void add(Map<String, List<Double>> all, String name, double value) {
        all.computeIfAbsent(name, first -> new ArrayList<>()).add(value);
    }

    private void onProcess(Map<String, List<Double>> calls) throws IOException, InterruptedException {
        Path output = folder.resolve("bare.log");
        Process process = program.start(Integer.MAX_VALUE, output);
        try {
            awaitLines(process, output, FEW_LINES);
            String pid = Long.toString(process.pid());
            check(List.of("calls", pid, Integer.toString(ROUNDS))).forEach(words -> add(calls, words[0], Double.parseDouble(words[1]) / 1e6));
            awaitLines(process, output, Files.readAllLines(output).size() + FEW_LINES);
            // On one driver the end of a process that had been restored hung the machine; that of a checkpointed one is safe.
            List<String[]> parked = check(List.of("park", pid));
            if (parked.size() != 2) {
                throw new FerryException(ErrorCode.INTERNAL, "The process was not parked before its end");
            }
        } finally {
            process.destroyForcibly();
            boolean ended = process.waitFor(EACH.toSeconds(), TimeUnit.SECONDS);
            if (!ended) {
                refusals.add(new GpuReport.Refusal(ErrorCode.GPU_STUCK.name(), "process " + process.pid() + " does not end though it was killed", "look at dmesg; a GPU reset or a reboot may be needed", List.of()));
            }
        }
    }

    private void awaitLines(Process process, Path output, int lines) {
        FerrySide.await("the program without Ferry writes its lines", limit.left(EACH), () -> {
            try {
                List<String> said = Files.readAllLines(output);
                if (!process.isAlive()) {
                    throw new FerryException(ErrorCode.START_FAILED, "The program without Ferry has ended", said, null);
                }
                return said.size() >= lines;
            } catch (IOException unreadable) {
                throw new UncheckedIOException(unreadable);
            }
        });
    }

    /** One run of ferry-gpu-check that must succeed; each of its lines as words. */
    private List<String[]> check(List<String> arguments) throws IOException, InterruptedException {
        List<String> words = new ArrayList<>(List.of(program.folder().resolve(GpuProgram.CHECK).toString()));
        words.addAll(arguments);
        Path output = folder.resolve("driver-" + arguments.getFirst() + ".log");
        ProcessBuilder builder = new ProcessBuilder(words).redirectErrorStream(true).redirectInput(Path.of("/dev/null").toFile()).redirectOutput(output.toFile());
        builder.environment().putAll(program.bare());
        Process process = builder.start();
        if (!process.waitFor(limit.left(EACH).toMillis(), TimeUnit.MILLISECONDS)) {
            // Not killed: the driver and a caller that dies in the middle of a call disagree afterwards.
            throw new FerryException(ErrorCode.GPU_STUCK, "'" + String.join(" ", words) + "' (process " + process.pid() + ") did not end within " + EACH.toSeconds() + " s and is left alone", Files.readAllLines(output), null);
        }
        List<String> lines = Files.readAllLines(output);
        if (process.exitValue() != 0) {
            throw new FerryException(ErrorCode.GPU_UNAVAILABLE, "'" + GpuProgram.CHECK + " " + String.join(" ", arguments) + "' ended with status " + process.exitValue(), lines, null);
        }
        return lines.stream().map(line -> line.split(" ")).toList();
    }
}
