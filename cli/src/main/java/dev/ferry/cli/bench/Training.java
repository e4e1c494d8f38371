package dev.ferry.cli.bench;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Mount;
import dev.ferry.proto.v1.Operation;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A PyTorch training on the machine's processors: what it costs to save and to move beside criu alone, and whether each of its steps is the same as beside, bit by bit.
 *
 * @param condition version of PyTorch, or why there are no figures
 */
record Training(List<Figure> figures, String condition) {
    private static final String WIDTH = "1024";
    private static final long MEMORY = 1L << 30;
    private static final Duration LONG = Duration.ofMinutes(5);

    Training {
        figures = List.copyOf(figures);
    }

    /**
     * @throws FerryException INTERNAL when a step differs
     */
    static Training measure(Bench.Plan plan, FerrySide ferry) throws IOException, InterruptedException {
        TorchPython.Search python = TorchPython.onProcessors();
        if (python.found().isEmpty()) {
            return new Training(List.of(), "not measured: " + python.why());
        }
        Path program = Bench.program(plan, GpuProgram.TRAINING);
        List<Double> frozen = new ArrayList<>();
        List<Double> moved = new ArrayList<>();
        List<Double> criuFrozen = new ArrayList<>();
        List<Double> criuMoved = new ArrayList<>();
        List<Double> sent = new ArrayList<>();
        try (BareJob bare = BareJob.start(command(program.toString()), plan.memory(), plan.folder())) {
            Job job = ferry.run(spec(program), LONG);
            for (int round = 0; round < plan.rounds(); round++) {
                criuFrozen.add(bare.dumpRunning());
                Image image = ferry.image(ferry.checkpoint(job));
                frozen.add(image.getFreezeMicros() / 1e6);
                sent.add((double) image.getSentBytes() / image.getMemoryBytes());
                criuMoved.add(bare.move().all());
                Operation migrated = ferry.migrate(job, false);
                moved.add(migrated.getOutageMicros() / 1e6);
            }
            int steps = same(ferry, job, bare);
            ferry.cancel(job);
            String what = "PyTorch training on processors: ";
            List<Figure> figures =
                    List.of(
                            Figure.beside(what + "freeze of a checkpoint that goes on running", "s", frozen, "criu dump -R to tmpfs", criuFrozen, steps + " lines of its log the same, bit by bit"),
                            Figure.beside(what + "outage of a full migration", "s", moved, "criu dump + restore on tmpfs", criuMoved, ""),
                            Figure.alone(what + "sent of its memory, each time", "of it", sent, Optional.empty(), "weights and the optimizer's memory change in each step"));
            return new Training(figures, python.found().get().version());
        }
    }

    private static List<String> command(String program) {
        return List.of("/usr/bin/env", "OMP_NUM_THREADS=1", "PYTHONDONTWRITEBYTECODE=1", "/usr/bin/python3", program, Integer.toString(Integer.MAX_VALUE), "cpu", WIDTH);
    }

    private static JobSpec spec(Path program) {
        return JobSpec.newBuilder()
                .addAllCommand(command("/bench/" + program.getFileName()))
                .setMemoryBytes(MEMORY)
                .addMounts(Mount.newBuilder().setSource(String.valueOf(program.getParent())).setDestination("/bench").setReadOnly(true))
                .build();
    }

    /** Compares what both have written when each has gone on after its last move; how many lines both have. */
    private static int same(FerrySide ferry, Job job, BareJob bare) throws IOException {
        int least = Math.max(ferry.log(job).size(), bare.log().size()) + 3;
        FerrySide.await("both trainings have gone on", LONG, () -> ferry.log(job).size() >= least && lines(bare).size() >= least);
        List<String> ours = ferry.log(job);
        List<String> theirs = bare.log();
        int both = Math.min(ours.size(), theirs.size());
        for (int line = 0; line < both; line++) {
            if (!ours.get(line).equals(theirs.get(line))) {
                throw new FerryException(ErrorCode.INTERNAL, "The training in Ferry says '" + ours.get(line) + "' where the one beside says '" + theirs.get(line) + "'");
            }
        }
        return both;
    }

    private static List<String> lines(BareJob bare) {
        try {
            return bare.log();
        } catch (IOException unreadable) {
            return List.of();
        }
    }
}
