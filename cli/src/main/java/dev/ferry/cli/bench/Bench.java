package dev.ferry.cli.bench;

import dev.ferry.cli.cluster.LocalCluster;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Operation;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One run of all measurements. The sides alternate, so that what else the machine does hits both, and the workloads of the others stand still while one is measured. The store, the packed
 * images of the peers and Ferry's folders are on one disk; CRIU's plain images are on a tmpfs.
 */
public final class Bench {
    private static final double MEBIBYTE = 1 << 20;
    private static final double GIBIBYTE = 1 << 30;
    private static final int SHARERS = 8;

    /**
     * What is wanted.
     *
     * @param mebibytes of the workload's memory
     * @param folder on the disk; it must not exist, and is removed at the end
     * @param memory folder on a tmpfs, as the other
     */
    public record Plan(int mebibytes, int rounds, Path folder, Path memory) {}

    private final Plan plan;
    private final PrintStream tell;
    private final List<Figure> figures = new ArrayList<>();
    private final List<Double> restores = new ArrayList<>();
    private final List<Double> criuRestores = new ArrayList<>();
    private String podman = "not measured";
    private int seed = 1;

    private Bench(Plan plan, PrintStream tell) {
        this.plan = plan;
        this.tell = tell;
    }

    /**
     * Measures all.
     *
     * @param tell says what is being measured
     * @throws FerryException when a part can't be started or an operation fails
     */
    public static Results run(Plan plan, PrintStream tell) throws IOException, InterruptedException {
        return inFolders(plan, (program, ferry) -> new Bench(plan, tell).measure(program, ferry));
    }

    /**
     * Measures how freezes and outages grow.
     *
     * @param processes how many the jobs of one series have
     * @throws FerryException as {@link #run}
     */
    public static Results grow(Plan plan, List<Integer> processes, PrintStream tell) throws IOException, InterruptedException {
        return inFolders(plan, (program, ferry) -> Growth.run(plan, processes, program, ferry, tell));
    }

    private interface Measurement {
        Results of(Path program, FerrySide ferry) throws IOException, InterruptedException;
    }

    private static Results inFolders(Plan plan, Measurement measurement) throws IOException, InterruptedException {
        if (Files.exists(plan.folder()) || Files.exists(plan.memory())) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, plan.folder() + " or " + plan.memory() + " exists; both are made and removed by the benchmark");
        }
        Files.createDirectories(plan.folder());
        Files.createDirectories(plan.memory());
        try {
            Path program = program(plan, "workload.py");
            try (FerrySide ferry = FerrySide.start(plan.folder().resolve("cluster"), program)) {
                return measurement.of(program, ferry);
            }
        } finally {
            remove(plan.folder());
            remove(plan.memory());
        }
    }

    static void remove(Path folder) throws IOException, InterruptedException {
        int status = new ProcessBuilder("rm", "-rf", folder.toString()).inheritIO().start().waitFor();
        if (status != 0) {
            throw new IOException(folder + " can't be removed");
        }
    }

    /** Writes one of the programs that jobs run into a folder that they see. */
    static Path program(Plan plan, String name) throws IOException {
        Path program = plan.folder().resolve("program").resolve(name);
        Files.createDirectories(program.getParent());
        try (InputStream content = Bench.class.getResourceAsStream(name)) {
            Files.copy(java.util.Objects.requireNonNull(content), program, StandardCopyOption.REPLACE_EXISTING);
        }
        return program;
    }

    private BenchReport measure(Path program, FerrySide ferry) throws IOException, InterruptedException {
        firsts(ferry, program);
        checkpoints(ferry, program);
        moves(ferry, program);
        sharing(ferry);
        for (int node = 1; node <= 2; node++) {
            double peak = ferry.cluster().node(node).peakMemory().orElse(0L) / MEBIBYTE;
            figures.add(Figure.alone("peak memory of the daemon of node " + node, "MiB", List.of(peak), Optional.of(700.0), "spool 256 MiB in memory"));
        }
        say("a PyTorch training");
        Training training = Training.measure(plan, ferry);
        figures.addAll(training.figures());
        Map<String, String> conditions = conditions(plan);
        conditions.put("podman", podman);
        conditions.put("PyTorch", training.condition());
        return new BenchReport(conditions, figures);
    }

    static Map<String, String> conditions(Plan plan) throws IOException {
        Map<String, String> conditions = new LinkedHashMap<>();
        conditions.put("memory of the workload", plan.mebibytes() + " MiB");
        conditions.put("rounds", Integer.toString(plan.rounds()));
        conditions.put("cpus", Integer.toString(Runtime.getRuntime().availableProcessors()));
        conditions.put("kernel", Files.readString(Path.of("/proc/sys/kernel/osrelease")).trim());
        conditions.put("load before the last figure", Files.readString(Path.of("/proc/loadavg")).split(" ", 2)[0]);
        return conditions;
    }

    /** A job that shares nothing with those before: a first image takes what it can from the last one of a job of its kind. */
    private Load fresh(int mebibytes, int dirtyKibibytes) {
        return new Load(mebibytes, dirtyKibibytes, ++seed, 1);
    }

    private void say(String what) {
        tell.println("measuring " + what + " ...");
    }

    /** First and second checkpoints, each of a job that shares nothing with what is in the store. */
    private void firsts(FerrySide ferry, Path program) throws IOException, InterruptedException {
        say("first and second checkpoints");
        List<Double> ours = new ArrayList<>();
        List<Double> theirs = new ArrayList<>();
        List<Double> seconds = new ArrayList<>();
        List<Double> sent = new ArrayList<>();
        List<Double> sentAgain = new ArrayList<>();
        try (BareJob bare = BareJob.start(program, Load.of(plan.mebibytes(), 0), plan.memory(), plan.folder())) {
            for (int round = 0; round < plan.rounds(); round++) {
                theirs.add(bare.dumpRunning());
                try (StandStill ignored = bare.standStill()) {
                    Job job = ferry.run(fresh(plan.mebibytes(), 0));
                    Image first = ferry.image(ferry.checkpoint(job));
                    ferry.changeOnePercent(job);
                    Image second = ferry.image(ferry.checkpoint(job));
                    ours.add(first.getFreezeMicros() / 1e6);
                    seconds.add(second.getFreezeMicros() / 1e6);
                    sent.add(first.getSentBytes() / MEBIBYTE);
                    sentAgain.add(second.getSentBytes() / MEBIBYTE);
                    ferry.cancel(job);
                }
            }
        }
        figures.add(Figure.beside("freeze of the first checkpoint, which goes on running", "s", ours, "criu dump -R to tmpfs", theirs, "all is new"));
        figures.add(Figure.compared("second image after 1 % changed: sent", "MiB", sentAgain, "first image", sent, 0.02, ""));
        figures.add(Figure.compared("second image after 1 % changed: frozen", "s", seconds, "first image", ours, 1.0, ""));
    }

    /** Freezes of checkpoints, sizes of images, and what they cost. */
    private void checkpoints(FerrySide ferry, Path program) throws IOException, InterruptedException {
        say("checkpoints of a job that runs on");
        Job job = ferry.run(fresh(plan.mebibytes(), 0));
        long daemon = ferry.cluster().node(LocalCluster.nodeNumber(job.getNode())).pid();
        Map<String, Double> before = Stages.of(daemon);
        Image first = ferry.image(ferry.checkpoint(job));
        Map<String, Double> after = Stages.of(daemon);
        List<Double> ours = new ArrayList<>();
        List<Double> theirs = new ArrayList<>();
        try (BareJob bare = BareJob.start(program, Load.of(plan.mebibytes(), 0), plan.memory(), plan.folder())) {
            for (int round = 0; round < plan.rounds(); round++) {
                try (StandStill ignored = ferry.standStill(job)) {
                    theirs.add(bare.dumpRunning());
                }
                try (StandStill ignored = bare.standStill()) {
                    ours.add(ferry.image(ferry.checkpoint(job)).getFreezeMicros() / 1e6);
                }
            }
        }
        figures.add(Figure.compared("freeze of a checkpoint that goes on running", "s", ours, "criu dump -R to tmpfs", theirs, 0.5, ""));
        figures.add(Figure.alone("image by memory", "of it", List.of((double) first.getSentBytes() / first.getMemoryBytes()), Optional.of(0.65), "half noise, a fifth zeros, the rest text"));
        costs(before, after, first.getBytes() / GIBIBYTE);
        ferry.cancel(job);
    }

    private void costs(Map<String, Double> before, Map<String, Double> after, double gibibytes) {
        say("the libraries by themselves");
        double all = 0;
        for (Map.Entry<String, Double> stage : after.entrySet()) {
            double seconds = Math.max(0, stage.getValue() - before.getOrDefault(stage.getKey(), 0.0)) / gibibytes;
            all += seconds;
            figures.add(Figure.alone("CPU of a first image: " + stage.getKey(), "s/GiB", List.of(seconds), Optional.empty(), ""));
        }
        figures.add(Figure.alone("CPU of a first image: all stages", "s/GiB", List.of(all), Optional.empty(), ""));
        figures.add(Figure.alone("SHA-256 by itself on one core", "s/GiB", List.of(Stages.sha256()), Optional.empty(), ""));
        figures.add(Figure.alone("zstd 1 by itself on one core", "s/GiB", List.of(Stages.zstd()), Optional.empty(), "half of it noise"));
    }

    /** Outages of moves: full, live, by criu alone, by a packed file. */
    private void moves(FerrySide ferry, Path program) throws IOException, InterruptedException {
        int dirty = Load.onePercent(plan.mebibytes());
        List<Double> full = new ArrayList<>();
        List<Double> live = new ArrayList<>();
        List<Double> criu = new ArrayList<>();
        List<Double> packed = new ArrayList<>();
        WorkBeside work = new WorkBeside();
        List<Double> podmans = new ArrayList<>();
        Load load = Load.of(plan.mebibytes(), dirty);
        try (BareJob bare = BareJob.start(program, load, plan.memory(), plan.folder());
                PodmanPeer peer = PodmanPeer.of(program, load, plan.folder().resolve("podman"))) {
            podman = peer.condition();
            for (int round = 0; round < plan.rounds(); round++) {
                say("moves, round " + (round + 1) + " of " + plan.rounds());
                try (StandStill ignored = peer.standStill()) {
                    BareJob.Moved moved = bare.move();
                    criu.add(moved.all());
                    criuRestores.add(moved.restore());
                }
                try (StandStill ignored = bare.standStill();
                        StandStill alsoIgnored = peer.standStill()) {
                    full.add(outage(ferry, job -> ferry.migrate(job, false), dirty));
                }
                try (StandStill ignored = peer.standStill()) {
                    packed.add(bare.moveByFile().all());
                }
                try (StandStill ignored = bare.standStill()) {
                    peer.move().ifPresent(podmans::add);
                }
                try (StandStill ignored = bare.standStill();
                        StandStill alsoIgnored = peer.standStill()) {
                    live.add(outage(ferry, job -> work.migrate(ferry, job), dirty));
                }
            }
        }
        figures.add(Figure.compared("outage of a full migration, memory new", "s", full, "criu dump + restore on tmpfs", criu, 1.1, ""));
        figures.add(Figure.compared("outage of a full migration, memory new, against a file", "s", full, "criu + tar + zstd + cp", packed, 1.0, ""));
        if (!podmans.isEmpty()) {
            figures.add(Figure.compared("outage of a full migration, memory new, against podman", "s", full, "podman checkpoint --export + restore --import", podmans, 0.2, "their file is not copied"));
        }
        figures.add(Figure.compared("outage of a live migration, 1 % written a second", "s", live, "full migration", full, 0.35, ""));
        figures.add(Figure.compared("restore, memory warm", "s", restores, "criu restore from tmpfs", criuRestores, 1.2, "all of the step RESTORE"));
        work.figure().ifPresent(figures::add);
    }

    private interface Move {
        Operation of(Job job);
    }

    private double outage(FerrySide ferry, Move move, int dirty) {
        Job job = ferry.run(fresh(plan.mebibytes(), dirty));
        Operation moved = move.of(job);
        if (!FerrySide.hasStep(moved, "PRE_COPY")) {
            restores.add(FerrySide.seconds(moved, "RESTORE"));
        }
        ferry.cancel(job);
        return moved.getOutageMicros() / 1e6;
    }

    /** What jobs that loaded the same cost together. */
    private void sharing(FerrySide ferry) throws IOException {
        int each = Math.max(16, Math.min(512, plan.mebibytes() / 4));
        say(SHARERS + " jobs with the same " + each + " MiB");
        Load load = fresh(each, 0);
        long before = ferry.storeBytes();
        long one = 0;
        for (int i = 0; i < SHARERS; i++) {
            Job job = ferry.run(load);
            Operation ignored = ferry.checkpoint(job);
            ferry.cancel(job);
            if (i == 0) {
                one = ferry.storeBytes() - before;
            }
        }
        figures.add(
                Figure.compared(
                        SHARERS + " jobs that loaded the same " + each + " MiB: stored",
                        "MiB",
                        List.of((ferry.storeBytes() - before) / MEBIBYTE),
                        "one of them",
                        List.of(one / MEBIBYTE),
                        1.15,
                        ""));
    }
}
