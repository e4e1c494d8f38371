package dev.ferry.cli.verbs;

import dev.ferry.cli.chaos.OwnedFolder;
import dev.ferry.cli.chaos.SpotChaos;
import dev.ferry.cli.chaos.SpotReport;
import dev.ferry.cli.cluster.CleanEnd;
import dev.ferry.cli.cluster.LocalCluster;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.node.jobs.Trees;
import dev.ferry.proto.v1.ErrorCode;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code ferry chaos spot}. */
@Command(
        name = "spot",
        description = {
            "Takes spot machines of small clusters of its own away, with and without an announcement.",
            "Told ones: a random cloud's metadata server announces the end of a machine with jobs of random size, some with an image, and at its time all that runs there is killed and its disk deleted: whatever the plan promised must run elsewhere, and all else must have been named.",
            "Untold ones: machines are killed at random moments, and no job may lose more than its interval and the time of its machine's images.",
            "Witnesses outside count steps, and each job must end with the right result. Ctrl-C ends it after the machine under way. Needs root. Exit status 0 only if all held."
        },
        footer = {"", "Examples:", "  ferry chaos spot --told 5 --untold 10", "  ferry chaos spot --told 20 --untold 50 --seed 1 -o json"})
final class ChaosSpotVerb implements Callable<Integer> {
    private static final int VIOLATED = 1;
    private static final int LEAST_SEED = 1_000_000;

    @Option(names = "--told", paramLabel = "N", description = "How many machines are taken away after a notice; default 5.", defaultValue = "5")
    private int told = 5;

    @Option(names = "--untold", paramLabel = "N", description = "How many are taken away without one; default 10.", defaultValue = "10")
    private int untold = 10;

    @Option(names = "--seed", paramLabel = "S", description = "Chooses the same again; default a random one, which is shown.")
    private @Nullable Long seed;

    @Option(names = "--jobs", paramLabel = "N", description = "Jobs on a machine that is told; default 4.", defaultValue = "4")
    private int jobs = 4;

    @Option(names = "--smallest", paramLabel = "MIB", description = "Least memory of such a job, in MiB; default 256.", defaultValue = "256")
    private int smallest = 256;

    @Option(names = "--largest", paramLabel = "MIB", description = "Most memory of such a job, in MiB; default 1024.", defaultValue = "1024")
    private int largest = 1024;

    @Option(names = "--shortest", paramLabel = "TIME", description = "Shortest notice; default 10s.", defaultValue = "10s")
    private String shortest = "10s";

    @Option(names = "--longest", paramLabel = "TIME", description = "Longest notice; default 30s.", defaultValue = "30s")
    private String longest = "30s";

    @Option(names = "--data", paramLabel = "DIR", description = "Folder below which the clusters lie for the time of the run; default /var/tmp.", defaultValue = "/var/tmp")
    private Path data = Path.of("/var/tmp");

    @Option(names = {"-o", "--output"}, paramLabel = "FORMAT", description = "table (for people) or json.", defaultValue = "table")
    private ServerOption.Output output = ServerOption.Output.table;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public Integer call() throws Exception {
        Duration least = Durations.parse(shortest);
        Duration most = Durations.parse(longest);
        if (told < 0 || untold < 0 || told + untold < 1 || jobs < 1 || smallest < 1 || largest < smallest || most.compareTo(least) < 0) {
            throw new FerryException(
                    ErrorCode.INVALID_ARGUMENT, "--told and --untold must not both be 0, --jobs and --smallest must be 1 or more, --largest no less than --smallest, --longest no less than --shortest");
        }
        LocalCluster.requireRoot();
        long chosen = seed == null ? new SecureRandom().nextInt(LEAST_SEED) : seed;
        AtomicBoolean asked = new AtomicBoolean();
        try (CleanEnd end = CleanEnd.telling(() -> asked.set(true));
                OwnedFolder own = OwnedFolder.make(data, "ferry-spot-", System.err)) {
            Path folder = own.path();
            System.err.println("seed " + chosen + ", " + told + " machines told and " + untold + " untold, in " + folder);
            SpotChaos.Plan plan = new SpotChaos.Plan(told, untold, chosen, jobs, smallest, largest, least, most, folder);
            SpotReport report = SpotChaos.run(plan, asked::get, System.err);
            System.out.print(output == ServerOption.Output.json ? report.json() + "\n" : report.table());
            System.out.flush();
            if (report.violations().isEmpty()) {
                Trees.delete(folder);
                return 0;
            }
            System.err.println("ferry: logs, witnesses and the coordinators' states are left in " + folder);
            return VIOLATED;
        }
    }
}
