package dev.ferry.cli.verbs;

import dev.ferry.cli.bench.Bench;
import dev.ferry.cli.bench.GpuBench;
import dev.ferry.cli.bench.GpuReport;
import dev.ferry.cli.bench.Results;
import dev.ferry.cli.cluster.CleanEnd;
import dev.ferry.cli.cluster.LocalCluster;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.common.Sizes;
import dev.ferry.proto.v1.ErrorCode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code ferry bench}. */
@Command(
        name = "bench",
        description = {
            "Measures Ferry beside criu alone, criu with tar, zstd and a copy, and podman where it is installed, on this machine: freezes, outages, sizes, costs.",
            "With --series how freezes and outages grow with memory (from 256 MiB to --size) and with the number of processes; what this machine can't bear ends its series, is named, and makes the exit status 1.",
            "Needs root, about five times the size in main memory, and the same on the disk.",
            "With --gpu it checks a machine with GPUs instead: doctor; a C program and, where it is installed, a PyTorch training, each checkpointed, parked and resumed, saved and restored,",
            "compared bit by bit with an uninterrupted run; the driver's calls and plain copies beside it. The report is in --out; exit status 0 only if all that was tried works."
        },
        footer = {"", "Examples:", "  ferry bench --quick", "  ferry bench --size 2GiB --rounds 5 -o json --svg bench.svg", "  ferry bench --series --size 4GiB --rounds 3", "  ferry bench --gpu --out report", "  ferry bench --gpu --gpus stand-in:2xH100"})
public final class BenchVerb implements Callable<Integer> {
    private static final String QUICK_SIZE = "256MiB";
    private static final int QUICK_ROUNDS = 2;
    private static final int LEAST = 32;
    private static final String REAL_GPU_MEMORY = "2GiB";
    private static final String STAND_IN_GPU_MEMORY = "32MiB";
    private static final int MOST_PROCESSES = 1024;

    @Option(names = "--quick", description = "256 MiB and two rounds, whatever else is said: a few minutes.")
    private boolean quick;

    @Option(names = "--size", paramLabel = "SIZE", description = "Memory of the workload; default 2GiB.", defaultValue = "2GiB")
    private String size = "2GiB";

    @Option(names = "--rounds", paramLabel = "N", description = "How often each side is measured; default 5.", defaultValue = "5")
    private int rounds = 5;

    @Option(names = "--series", description = "Only the series.")
    private boolean series;

    @Option(names = "--processes", paramLabel = "N", split = ",", description = "How many processes the jobs of the series have; default 1,4,16,64,256.", defaultValue = "1,4,16,64,256")
    private List<Integer> processes = List.of();

    @Option(names = "--data", paramLabel = "DIR", description = "Folder below which the store and the packed images lie for the time of the run; default /var/tmp.", defaultValue = "/var/tmp")
    private Path data = Path.of("/var/tmp");

    @Option(names = "--gpu", description = "Check this machine's GPUs.")
    private boolean gpu;

    @Option(names = "--gpus", paramLabel = "SPEC", description = "With --gpu: what plays the GPUs, as for 'ferry up'; else the machine's own are used.", defaultValue = "")
    private String gpus = "";

    @Option(names = "--gpu-memory", paramLabel = "SIZE", description = "With --gpu: device memory of the C program; default 2GiB, 32MiB with --gpus.")
    private @Nullable String gpuMemory;

    @Option(names = "--within", paramLabel = "TIME", description = "With --gpu: how long it may take; what does not fit is not tried; default 7m.")
    private @Nullable String within;

    @Option(names = "--out", paramLabel = "DIR", description = "With --gpu: folder for report.json and report.md; default ferry-gpu-report.", defaultValue = "ferry-gpu-report")
    private Path out = Path.of("ferry-gpu-report");

    @Option(names = "--svg", paramLabel = "FILE", description = "Also draw the figures.")
    private @Nullable Path svg;

    @Option(names = {"-o", "--output"}, paramLabel = "FORMAT", description = "table (for people) or json.", defaultValue = "table")
    private ServerOption.Output output = ServerOption.Output.table;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public Integer call() throws Exception {
        if (gpu) {
            return checkGpus();
        }
        if (!gpus.isEmpty() || gpuMemory != null || within != null) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--gpus, --gpu-memory and --within go with --gpu");
        }
        long mebibytes = Sizes.parse(quick ? QUICK_SIZE : size) >> 20;
        int times = quick ? QUICK_ROUNDS : rounds;
        if (mebibytes < LEAST || mebibytes > Integer.MAX_VALUE >> 10 || times < 1) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--size must be " + LEAST + "MiB or more and --rounds 1 or more");
        }
        if (processes.stream().anyMatch(count -> count < 1 || count > MOST_PROCESSES)) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--processes must be numbers from 1 to " + MOST_PROCESSES);
        }
        LocalCluster.requireRoot();
        String name = "ferry-bench-" + Ids.random(6);
        Bench.Plan plan = new Bench.Plan((int) mebibytes, times, data.toAbsolutePath().resolve(name), Path.of("/dev/shm").resolve(name));
        Results results;
        try (CleanEnd end = CleanEnd.interrupting()) {
            results = series ? Bench.grow(plan, processes, System.err) : Bench.run(plan, System.err);
        }
        System.out.print(output == ServerOption.Output.json ? results.json() + "\n" : results.table());
        if (svg != null) {
            Files.writeString(svg, results.svg());
        }
        return results.isWhole() ? 0 : 1;
    }

    private int checkGpus() throws Exception {
        if (series || svg != null) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--gpu has no --series and no --svg");
        }
        long mebibytes = Sizes.parse(gpuMemory != null ? gpuMemory : gpus.isEmpty() ? REAL_GPU_MEMORY : STAND_IN_GPU_MEMORY) >> 20;
        if (mebibytes < 1 || mebibytes > Integer.MAX_VALUE >> 10) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--gpu-memory must be 1MiB or more");
        }
        LocalCluster.requireRoot();
        GpuBench.Plan plan =
                new GpuBench.Plan(
                        data.toAbsolutePath().resolve("ferry-gpu-" + Ids.random(6)), out.toAbsolutePath(), gpus, (int) mebibytes, within == null ? GpuBench.within() : Durations.parse(within));
        GpuReport report;
        try (CleanEnd end = CleanEnd.interrupting()) {
            report = GpuBench.run(plan, System.err);
        }
        System.out.print(output == ServerOption.Output.json ? report.json() + "\n" : report.text());
        System.err.println("the report is in " + plan.out());
        return report.good() ? 0 : 1;
    }
}
