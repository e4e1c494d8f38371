package dev.ferry.cli.bench;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.PhaseTime;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * One program as a job to which everything happens that can: a checkpoint that it runs on from, parked and resumed, saved and restored. What it printed is
 * compared with what the same program prints when nothing happens to it.
 */
final class GpuTrial {
    private static final Duration START = Duration.ofMinutes(2);
    private static final Duration GOES_ON = Duration.ofSeconds(45);
    /** Less is not worth beginning with. */
    private static final Duration LEAST = Duration.ofSeconds(15);
    private static final int MORE_LINES = 5;
    private static final Map<String, String> PHASES =
            Map.of("gpu lock", GpuReport.LOCK, "gpu checkpoint", GpuReport.TO_HOST, "freeze", "freeze", "dump", "dump", "upload", "store", "restore", "restore", "thaw", "thaw");

    private final FerrySide ferry;
    private final GpuProgram program;
    private final Path folder;
    private final TimeLimit limit;
    private final PrintStream tell;
    private final List<GpuReport.Act> acts = new ArrayList<>();

    GpuTrial(FerrySide ferry, GpuProgram program, Path folder, TimeLimit limit, PrintStream tell) {
        this.ferry = ferry;
        this.program = program;
        this.folder = folder;
        this.limit = limit;
        this.tell = tell;
    }

    private interface Operations {
        List<Operation> of(Job job);
    }

    GpuReport.Trial run() throws IOException, InterruptedException {
        tell.println("gpu: " + program.title() + " ...");
        if (!limit.hasLeft(LEAST)) {
            return ended(GpuReport.Verdict.NOT_TRIED, timeIsOver());
        }
        Job job;
        try {
            job = ferry.run(program.spec(), limit.left(START));
        } catch (FerryException failed) {
            return ended(failed);
        }
        List<String> lines;
        try {
            act(job, "checkpoint, it runs on", going -> List.of(ferry.checkpoint(going)));
            act(job, "park, resume", going -> List.of(ferry.suspend(going, true), ferry.resume(going)));
            act(job, "save to the store, restore in a new sandbox", going -> List.of(ferry.suspend(going, false), ferry.resume(going)));
            lines = ferry.log(job);
        } finally {
            cancel(job);
        }
        return compare(lines);
    }

    private String timeIsOver() {
        return "the time of " + limit.whole().toSeconds() + " s was over";
    }

    /** One act, and the lines that prove that the job goes on after it. What fails is part of the result. */
    private void act(Job job, String name, Operations operations) {
        if (!limit.hasLeft(LEAST)) {
            acts.add(GpuReport.Act.notTried(name, timeIsOver()));
            return;
        }
        if (ferry.job(job).getState() != JobState.RUNNING) {
            acts.add(GpuReport.Act.notTried(name, "the job did not run any more after what happened before"));
            return;
        }
        tell.println("gpu:   " + name + " ...");
        long begin = System.nanoTime();
        try {
            List<Operation> done = operations.of(ferry.job(job));
            Duration whole = Duration.ofNanos(System.nanoTime() - begin);
            int before = ferry.log(job).size();
            FerrySide.await("the job goes on after: " + name, limit.left(GOES_ON), () -> ferry.log(job).size() >= before + MORE_LINES);
            acts.add(GpuReport.Act.done(name, times(done, whole), bytes(done)));
        } catch (FerryException failed) {
            acts.add(GpuReport.Act.refused(name, GpuReport.Refusal.of(failed)));
        }
    }

    /** A job that has ended by itself is none to cancel. */
    private void cancel(Job job) {
        try {
            ferry.cancel(job);
        } catch (FerryException ended) {
            tell.println("gpu:   the job could not be cancelled: " + ended.getMessage());
        }
    }

    private GpuReport.Trial compare(List<String> lines) throws IOException, InterruptedException {
        int steps = (int) lines.stream().filter(line -> line.startsWith("step ")).count();
        tell.println("gpu:   " + steps + " steps without interruption, to compare ...");
        List<String> alone;
        try {
            alone = program.alone(steps, folder.resolve("alone.log"), limit);
        } catch (FerryException failed) {
            return ended(failed);
        }
        // The job may have been ended between the last step and the line that follows it.
        int common = Math.min(lines.size(), alone.size());
        int first = 0;
        while (first < common && lines.get(first).equals(alone.get(first))) {
            first++;
        }
        if (first < common) {
            return ended(GpuReport.Verdict.DIFFERS, "line " + (first + 1) + " of " + lines.size() + " differs: '" + lines.get(first) + "', without interruption '" + alone.get(first) + "'");
        }
        long different = lines.stream().map(line -> line.substring(line.lastIndexOf(' '))).distinct().count();
        if (lines.size() > alone.size() || different < steps) {
            return ended(GpuReport.Verdict.DIFFERS, "the lines prove nothing: " + lines.size() + " of the job with " + different + " different sums, " + alone.size() + " without interruption");
        }
        boolean whole = acts.stream().allMatch(act -> act.verdict() == GpuReport.Verdict.WORKS);
        return ended(whole ? GpuReport.Verdict.WORKS : GpuReport.Verdict.REFUSED, "bit-identical over " + steps + " steps; the last line of both is '" + lines.getLast() + "'");
    }

    private GpuReport.Trial ended(GpuReport.Verdict verdict, String compared) {
        return new GpuReport.Trial(program.title(), verdict, deviceBytes(), acts, compared, List.of());
    }

    private GpuReport.Trial ended(FerryException failed) {
        return new GpuReport.Trial(program.title(), GpuReport.Verdict.REFUSED, deviceBytes(), acts, "not compared", List.of(GpuReport.Refusal.of(failed)));
    }

    private long deviceBytes() {
        return program.deviceBytes() > 0 ? program.deviceBytes() : acts.stream().mapToLong(GpuReport.Act::driverBytes).max().orElse(0);
    }

    /** Device memory in use as the driver counted it, which holds more than what the program asked for. */
    private static long bytes(List<Operation> operations) {
        return phases(operations).filter(phase -> phase.getName().equals("gpu checkpoint")).mapToLong(PhaseTime::getBytes).max().orElse(0);
    }

    private static Stream<PhaseTime> phases(List<Operation> operations) {
        return operations.stream().flatMap(operation -> operation.getStepsList().stream()).flatMap(step -> step.getPhasesList().stream());
    }

    /** Milliseconds by what was done. */
    private static Map<String, Double> times(List<Operation> operations, Duration whole) {
        Map<String, Double> took = new LinkedHashMap<>();
        phases(operations).forEach(phase -> took.merge(phase.getName(), phase.getMicros() / 1e3, Double::sum));
        Map<String, Double> times = new LinkedHashMap<>();
        PHASES.forEach((phase, part) -> {
            if (took.containsKey(phase)) {
                times.put(part, took.get(phase));
            }
        });
        if (took.containsKey("gpu restore")) {
            times.put(GpuReport.TO_DEVICE, took.get("gpu restore") - took.getOrDefault("gpu unlock", 0.0));
            times.put(GpuReport.UNLOCK, took.getOrDefault("gpu unlock", 0.0));
        }
        times.put(GpuReport.WHOLE, whole.toNanos() / 1e6);
        return times;
    }
}
