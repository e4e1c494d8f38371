package dev.ferry.cli.verbs;

import dev.ferry.cli.simulation.ClusterFile;
import dev.ferry.cli.simulation.Comparison;
import dev.ferry.cli.simulation.PolicyFile;
import dev.ferry.cli.simulation.Trace;
import dev.ferry.common.Configs;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code ferry simulate}. */
@Command(
        name = "simulate",
        description = "Plays a trace of jobs on a cluster under several policies, with the scheduling that Ferry itself uses, and compares them.",
        subcommands = SimulateSpotVerb.class,
        footer = {"", "Example:", "  ferry simulate --jobs 10000 --seed 1 --plots plots", "  ferry simulate --trace jobs.csv --cluster cluster.yaml --policy policy.yaml"})
public final class SimulateVerb implements Callable<Integer> {
    @Option(names = "--trace", paramLabel = "FILE", description = "Jobs: a CSV with timestamp, duration, num_gpus and cluster (as Philly's), or what sacct --parsable2 prints; else they are made up, as those of Philly were.")
    private @Nullable Path trace;

    @Option(names = "--cluster", paramLabel = "FILE", description = "YAML: nodes, and gpus, cpus, memory of each, shares by account; else 64 nodes with 8 GPUs, and for jobs that are made up Philly's accounts.")
    private @Nullable Path cluster;

    @Option(names = "--policy", paramLabel = "FILE", description = "YAML: halfLife, tick, dump, restore, packing, and the guards delay, hysteresis, minimumRun, spacing, mostPerHour, mostMoving, worth, horizon, interruption, moves, dueFirst, ageing.")
    private @Nullable Path policy;

    @Option(names = "--jobs", paramLabel = "COUNT", description = "How many jobs to make up.", defaultValue = "10000")
    private int jobs;

    @Option(names = "--seed", paramLabel = "NUMBER", description = "The same makes up the same jobs.", defaultValue = "1")
    private long seed;

    @Option(names = "--time", paramLabel = "TIME", description = "In which they are submitted.", defaultValue = "7d")
    private String time = "";

    @Option(names = "--load", paramLabel = "PART", description = "Their work, so far as it could be done in that time, as a part of what the cluster can do in it; run times are multiplied to fit.", defaultValue = "0.9")
    private double load;

    @Option(names = "--causes", description = "Also find out why what accounts are due is not met; takes several times as long.")
    private boolean causes;

    @Option(names = "--plots", paramLabel = "FOLDER", description = "Also draw one SVG for each policy.")
    private @Nullable Path plots;

    @Option(names = {"-o", "--output"}, paramLabel = "FORMAT", description = "table (for people) or json.", defaultValue = "table")
    private ServerOption.Output output = ServerOption.Output.table;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public Integer call() throws IOException {
        if (jobs < 1 || !(load > 0)) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--jobs must be 1 or more and --load above 0, not " + jobs + " and " + load);
        }
        ClusterFile machines = cluster == null ? ClusterFile.defaults() : Configs.load(cluster, ClusterFile.defaults());
        PolicyFile policies = policy == null ? PolicyFile.defaults() : Configs.load(policy, PolicyFile.defaults());
        if (trace == null && machines.gpus() == 0) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Jobs are made up for GPUs, and this cluster has none; give a --trace");
        }
        Trace played = trace == null ? Trace.generated(machines, seed, jobs, Durations.parse(time).toSeconds(), load) : Trace.read(trace, machines);
        if (played.jobs().isEmpty()) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "There are no jobs to play: " + played.left() + " were left out, because they ran for no time or are larger than the cluster");
        }
        Comparison comparison = new Comparison(machines, played, policies, causes);
        System.out.print(output == ServerOption.Output.json ? comparison.json() + "\n" : comparison.table());
        if (plots != null) {
            comparison.plot(plots);
        }
        return 0;
    }
}
