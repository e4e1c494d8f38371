package dev.ferry.cli.verbs;

import dev.ferry.cli.chaos.ChaosReport;
import dev.ferry.cli.chaos.ChaosRun;
import dev.ferry.cli.chaos.OwnedFolder;
import dev.ferry.cli.cluster.CleanEnd;
import dev.ferry.cli.cluster.LocalCluster;
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
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code ferry chaos}. */
@Command(
        name = "chaos",
        description = "Tries to break a cluster of its own.",
        subcommands = {ChaosVerb.Run.class, ChaosSpotVerb.class},
        footer = {"", "Example:", "  ferry chaos run --minutes 10", "  ferry chaos spot --told 5 --untold 10"})
public final class ChaosVerb implements Runnable {
    @Spec private CommandSpec spec = CommandSpec.create();

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Say what: ferry chaos run|spot");
    }

    /** {@code ferry chaos run}. */
    @Command(
            name = "run",
            description = {
                "Migrates jobs of a small cluster of its own on this machine, and does a random fault to each migration.",
                "Faults are kill -9 and SIGSTOP of coordinator, daemons, criu and watchdogs, nodes that are cut off, machines that are gone with all they had, wall clocks that jump, a store that fails.",
                "Each job writes its steps to a witness outside the cluster, which shows whether one was lost or lived twice.",
                "Ctrl-C ends it after the migration under way, with the report so far. Needs root. Exit status 0 only if nothing was lost, doubled or stuck."
            },
            footer = {"", "Examples:", "  ferry chaos run --minutes 10", "  ferry chaos run --migrations 1000 --minutes 180 --seed 7 -o json"})
    static final class Run implements Callable<Integer> {
        private static final int VIOLATED = 1;
        private static final int MOST_COORDINATORS = 5;
        private static final int LEAST_SEED = 1_000_000;

        @Option(names = "--minutes", paramLabel = "N", description = "Begin no migration after so long; default 5.", defaultValue = "5")
        private int minutes = 5;

        @Option(names = "--migrations", paramLabel = "N", description = "End after so many migrations; default: only --minutes counts.")
        private int migrations = Integer.MAX_VALUE;

        @Option(names = "--seed", paramLabel = "S", description = "Chooses the same faults again; default a random one, which is shown.")
        private @Nullable Long seed;

        @Option(names = "--nodes", paramLabel = "N", description = "How many nodes; default 3.", defaultValue = "3")
        private int nodes = 3;

        @Option(names = "--jobs", paramLabel = "N", description = "How many jobs run beside each other; default 4.", defaultValue = "4")
        private int jobs = 4;

        @Option(
                names = "--coordinators",
                paramLabel = "N",
                description = "How many coordinators; default 1. Several share a PostgreSQL server of the run's own, and the one that leads is killed and stopped.",
                defaultValue = "1")
        private int coordinators = 1;

        @Option(
                names = "--store",
                paramLabel = "URL",
                description = {
                    "An S3 server, as s3://BUCKET/PREFIX?endpoint=http://HOST:PORT, with the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; default a folder.",
                    "With it the store answers with errors, is silent, cuts connections or ends within its answers; nodes are not cut off then. What is in it is left there."
                },
                defaultValue = "")
        private String store = "";

        @Option(names = "--memory", paramLabel = "MIB", description = "Memory that each job looks at, in MiB; default 16.", defaultValue = "16")
        private int memory = 16;

        @Option(names = "--data", paramLabel = "DIR", description = "Folder below which the cluster lies for the time of the run; default /var/tmp.", defaultValue = "/var/tmp")
        private Path data = Path.of("/var/tmp");

        @Option(names = {"-o", "--output"}, paramLabel = "FORMAT", description = "table (for people) or json.", defaultValue = "table")
        private ServerOption.Output output = ServerOption.Output.table;

        @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
        private boolean help;

        @Override
        public Integer call() throws Exception {
            if (minutes < 1 || migrations < 1 || jobs < 1 || memory < 0 || nodes < 2 || nodes > OwnedFolder.MOST_NODES || coordinators < 1 || coordinators > MOST_COORDINATORS) {
                throw new FerryException(
                        ErrorCode.INVALID_ARGUMENT, "--minutes, --migrations and --jobs must be 1 or more, --nodes between 2 and " + OwnedFolder.MOST_NODES + ", --coordinators between 1 and " + MOST_COORDINATORS);
            }
            LocalCluster.requireRoot();
            long chosen = seed == null ? new SecureRandom().nextInt(LEAST_SEED) : seed;
            AtomicBoolean asked = new AtomicBoolean();
            try (CleanEnd end = CleanEnd.telling(() -> asked.set(true));
                    OwnedFolder own = OwnedFolder.make(data, "ferry-chaos-", System.err)) {
                Path folder = own.path();
                System.err.println("seed " + chosen + ", " + nodes + " nodes and " + jobs + " jobs in " + folder);
                ChaosRun.Plan plan = new ChaosRun.Plan(Duration.ofMinutes(minutes), migrations, chosen, nodes, jobs, memory, coordinators, store, folder);
                ChaosReport report = ChaosRun.run(plan, asked::get, System.err);
                System.out.print(output == ServerOption.Output.json ? report.json() + "\n" : report.table());
                System.out.flush();
                if (report.violations().isEmpty()) {
                    Trees.delete(folder);
                    return 0;
                }
                System.err.println("ferry: logs, witnesses and the coordinator's state are left in " + folder);
                return VIOLATED;
            }
        }
    }
}
