package dev.ferry.cli.bench;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Operation;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** How freezes and outages grow with the memory of a job and with the number of its processes, beside CRIU's own. */
final class Growth {
    private static final int LEAST_MEBIBYTES = 256;
    private static final double MEBIBYTE = 1 << 20;

    /** What is measured of one job. */
    enum Curve {
        FIRST("freeze of a first checkpoint", "criu dump -R to tmpfs"),
        NEXT("freeze of a checkpoint of which nearly all is known", "criu dump -R to tmpfs"),
        OUTAGE("outage of a full migration", "criu dump + restore on tmpfs"),
        LIVE("outage of a live migration, 1 % written a second", "full migration of such a job");

        private final String title;
        private final String other;

        Curve(String title, String other) {
            this.title = title;
            this.other = other;
        }

        String title() {
            return title;
        }

        /** What it is compared with. */
        String other() {
            return other;
        }
    }

    /**
     * One job.
     *
     * @param imageMebibytes memory in its first image: that of the interpreters too
     * @param curves in the order of {@link Curve}
     */
    record Point(Load load, double imageMebibytes, List<Figure> curves) {
        Figure of(Curve curve) {
            return curves.get(curve.ordinal());
        }
    }

    private final Bench.Plan plan;
    private final Path program;
    private final FerrySide ferry;
    private final PrintStream tell;
    private int seed;

    private Growth(Bench.Plan plan, Path program, FerrySide ferry, PrintStream tell) {
        this.plan = plan;
        this.program = program;
        this.ferry = ferry;
        this.tell = tell;
    }

    /** Sizes from 256 MiB on, each twice the one before, up to what is allowed. */
    static List<Integer> sizes(int most) {
        List<Integer> sizes = new ArrayList<>();
        for (int size = Math.min(LEAST_MEBIBYTES, most); size < most; size *= 2) {
            sizes.add(size);
        }
        sizes.add(most);
        return sizes;
    }

    /**
     * Measures both series.
     *
     * @param processes how many each job of the second one has; its memory is that of the smallest of the first
     */
    static GrowthReport run(Bench.Plan plan, List<Integer> processes, Path program, FerrySide ferry, PrintStream tell) throws IOException, InterruptedException {
        Growth growth = new Growth(plan, program, ferry, tell);
        List<Integer> sizes = sizes(plan.mebibytes());
        List<String> missing = new ArrayList<>();
        List<Point> bySize = growth.measure(sizes.stream().map(size -> Load.of(size, 0)).toList(), missing);
        List<Point> byProcesses = growth.measure(processes.stream().map(count -> new Load(sizes.getFirst(), 0, 1, count)).toList(), missing);
        return new GrowthReport(Bench.conditions(plan), bySize, byProcesses, missing);
    }

    /**
     * One load after the other, up to the first that this machine can't bear: what was measured before it stays.
     *
     * @param missing takes a line for what was not measured
     */
    private List<Point> measure(List<Load> loads, List<String> missing) throws InterruptedException {
        List<Point> points = new ArrayList<>();
        for (Load load : loads) {
            try {
                points.add(measure(load));
            } catch (IOException | FerryException failed) {
                missing.add(load.mebibytes() + " MiB in " + load.processes() + (load.processes() == 1 ? " process" : " processes") + ": " + failed.getMessage());
                break;
            }
        }
        return points;
    }

    private Point measure(Load load) throws IOException, InterruptedException {
        tell.println("measuring " + load.mebibytes() + " MiB in " + load.processes() + " processes ...");
        List<Double> first = new ArrayList<>();
        List<Double> next = new ArrayList<>();
        List<Double> outage = new ArrayList<>();
        List<Double> live = new ArrayList<>();
        List<Double> notLive = new ArrayList<>();
        List<Double> criuFreeze = new ArrayList<>();
        List<Double> criuMove = new ArrayList<>();
        double memory = 0;
        try (BareJob bare = BareJob.start(program, load, plan.memory(), plan.folder())) {
            for (int round = 0; round < plan.rounds(); round++) {
                // Before there is a second job: its images are memory too, and the largest job must fit twice, not three times.
                criuFreeze.add(bare.dumpRunning());
                criuMove.add(bare.move().all());
                try (StandStill ignored = bare.standStill()) {
                    Job job = fresh(load, 0);
                    try {
                        Image image = ferry.image(ferry.checkpoint(job));
                        first.add(image.getFreezeMicros() / 1e6);
                        memory = image.getMemoryBytes() / MEBIBYTE;
                        next.add(ferry.image(ferry.checkpoint(job)).getFreezeMicros() / 1e6);
                        outage.add(seconds(ferry.migrate(job, false)));
                    } finally {
                        ferry.cancel(job);
                    }
                    // Both of jobs that have no image yet.
                    live.add(outageOfFresh(load, true));
                    notLive.add(outageOfFresh(load, false));
                }
            }
        }
        return new Point(load, memory, List.of(figure(Curve.FIRST, first, criuFreeze), figure(Curve.NEXT, next, criuFreeze), figure(Curve.OUTAGE, outage, criuMove), figure(Curve.LIVE, live, notLive)));
    }

    private double outageOfFresh(Load load, boolean live) throws IOException, InterruptedException {
        Job job = fresh(load, Load.onePercent(load.mebibytes()));
        try {
            return seconds(ferry.migrate(job, live));
        } finally {
            ferry.cancel(job);
        }
    }

    /** A job of another seed than all before: nothing of it is in the store. */
    private Job fresh(Load load, int dirtyKibibytes) {
        return ferry.run(new Load(load.mebibytes(), dirtyKibibytes, ++seed, load.processes()));
    }

    private static double seconds(Operation moved) {
        return moved.getOutageMicros() / 1e6;
    }

    private static Figure figure(Curve curve, List<Double> ours, List<Double> theirs) {
        return Figure.beside(curve.title(), "s", ours, curve.other(), theirs, "");
    }
}
