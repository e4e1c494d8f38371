package dev.ferry.cli.verbs;

import dev.ferry.cli.bench.Bench;
import dev.ferry.cli.cluster.CleanEnd;
import dev.ferry.cli.cluster.LocalCluster;
import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.common.Sizes;
import dev.ferry.proto.v1.ErrorCode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code ferry bench}. */
@Command(
        name = "bench",
        description = {
            "Measures Ferry beside criu alone and criu with tar, zstd and a copy, on this machine: freezes, outages, sizes, costs.",
            "Needs root, about five times the size in main memory, and the same on the disk."
        },
        footer = {"", "Examples:", "  ferry bench --quick", "  ferry bench --size 2g --rounds 5 -o json --svg bench.svg"})
public final class BenchVerb implements Callable<Integer> {
    private static final String QUICK_SIZE = "256MiB";
    private static final int QUICK_ROUNDS = 2;
    private static final int LEAST = 32;

    @Option(names = "--quick", description = "256 MiB and two rounds, whatever else is said: a few minutes.")
    private boolean quick;

    @Option(names = "--size", paramLabel = "SIZE", description = "Memory of the workload; default 2GiB.", defaultValue = "2GiB")
    private String size = "2GiB";

    @Option(names = "--rounds", paramLabel = "N", description = "How often each side is measured; default 5.", defaultValue = "5")
    private int rounds = 5;

    @Option(names = "--data", paramLabel = "DIR", description = "Folder below which the store and the packed images lie for the time of the run; default /var/tmp.", defaultValue = "/var/tmp")
    private Path data = Path.of("/var/tmp");

    @Option(names = "--svg", paramLabel = "FILE", description = "Also draw the figures.")
    private @Nullable Path svg;

    @Option(names = {"-o", "--output"}, paramLabel = "FORMAT", description = "table (for people) or json.", defaultValue = "table")
    private ServerOption.Output output = ServerOption.Output.table;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public Integer call() throws Exception {
        long mebibytes = Sizes.parse(quick ? QUICK_SIZE : size) >> 20;
        int times = quick ? QUICK_ROUNDS : rounds;
        if (mebibytes < LEAST || mebibytes > Integer.MAX_VALUE >> 10 || times < 1) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--size must be " + LEAST + "MiB or more and --rounds 1 or more");
        }
        LocalCluster.requireRoot();
        String name = "ferry-bench-" + Ids.random(6);
        Bench.Plan plan = new Bench.Plan((int) mebibytes, times, data.toAbsolutePath().resolve(name), Path.of("/dev/shm").resolve(name));
        Bench.Results results;
        try (CleanEnd end = CleanEnd.interrupting()) {
            results = Bench.run(plan, System.err);
        }
        System.out.print(output == ServerOption.Output.json ? results.json() + "\n" : results.table());
        if (svg != null) {
            Files.writeString(svg, results.svg());
        }
        return 0;
    }
}
