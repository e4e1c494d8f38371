package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.output.Table;
import dev.ferry.common.Durations;
import dev.ferry.proto.v1.ListPoolsRequest;
import dev.ferry.proto.v1.ListPoolsResponse;
import dev.ferry.proto.v1.Pool;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code ferry pool}. */
@Command(name = "pool", description = "Looks at pools of machines.", subcommands = PoolVerb.Listing.class, footer = {"", "Example:", "  ferry pool list"})
public final class PoolVerb implements Runnable {
    @Spec private CommandSpec spec;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Say what: ferry pool list");
    }

    /** {@code ferry pool list}. */
    @Command(name = "list", description = "Lists pools of machines with how often they are taken away, and what was saved and lost by it in the last 90 days.", footer = {"", "Example:", "  ferry pool list"})
    public static final class Listing implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                ListPoolsResponse answer = client.ask(stub -> stub.listPools(ListPoolsRequest.getDefaultInstance()));
                server.print(answer, () -> table(answer));
                return 0;
            }
        }

        private static String table(ListPoolsResponse pools) {
            Table table = new Table("POOL", "NODES", "LIVED", "INTERRUPTIONS", "AT A COST", "EXPECTED EVERY", "HAZARD", "SAVED CPU S", "LOST CPU S");
            for (Pool pool : pools.getPoolsList()) {
                table.row(
                        pool.getName(), Integer.toString(pool.getNodes()), Durations.format(Duration.ofMillis(pool.getLivedMillis())), Long.toString(pool.getInterruptions()), Long.toString(pool.getUncovered()),
                        Durations.format(Duration.ofMillis(pool.getMeanTimeMillis())), String.format(Locale.ROOT, "%.3f/h%s", pool.getHazardPerHour(), pool.getRaised() ? ", raised" : ""),
                        String.format(Locale.ROOT, "%.0f", pool.getSaved()), String.format(Locale.ROOT, "%.0f", pool.getLost()));
            }
            return table.toString();
        }
    }
}
