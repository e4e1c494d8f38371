package dev.ferry.cli.verbs;

import dev.ferry.cli.cluster.SpotMachines;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code ferry spot}: what a cloud does to its machines, done to those of {@code ferry up --spot}. */
@Command(
        name = "spot",
        description = "Plays the cloud of a cluster that 'ferry up --spot' runs: takes machines away and brings them back.",
        subcommands = {SpotVerb.Interrupt.class, SpotVerb.Rebalance.class, SpotVerb.Maintenance.class, SpotVerb.Cancel.class, SpotVerb.Start.class},
        footer = {"", "Example:", "  ferry spot interrupt node-1 --notice 30s"})
public final class SpotVerb implements Runnable {
    @Spec private CommandSpec spec;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Say what: ferry spot interrupt|rebalance|maintenance|cancel|start NODE");
    }

    /** What all of them take. */
    abstract static class Order implements Callable<Integer> {
        @Parameters(paramLabel = "NODE", description = "Name of the node.")
        private String node = "";

        @Option(names = "--data", paramLabel = "DIR", description = "Folder of the cluster; default /var/lib/ferry/up.", defaultValue = "/var/lib/ferry/up")
        private Path data = Path.of("/var/lib/ferry/up");

        @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
        private boolean help;

        /** verb, and what stands behind the node. */
        abstract String verb();

        String behind() {
            return "";
        }

        @Override
        public Integer call() throws IOException, InterruptedException {
            URI address = URI.create(read(data) + "/" + verb() + "/" + node + behind());
            try (HttpClient http = HttpClient.newBuilder().proxy(HttpClient.Builder.NO_PROXY).build()) {
                HttpResponse<String> answer = http.send(HttpRequest.newBuilder(address).POST(HttpRequest.BodyPublishers.noBody()).build(), HttpResponse.BodyHandlers.ofString());
                if (answer.statusCode() != 200) {
                    throw new FerryException(ErrorCode.INVALID_ARGUMENT, answer.body().strip());
                }
                System.out.print(answer.body());
                return 0;
            }
        }

        private static String read(Path folder) throws IOException {
            try {
                return Files.readString(SpotMachines.addressFile(folder));
            } catch (NoSuchFileException absent) {
                throw new FerryException(ErrorCode.COORDINATOR_UNREACHABLE, "No cluster of 'ferry up --spot' runs in " + folder, absent);
            }
        }
    }

    /** An order with a time. */
    abstract static class Timed extends Order {
        @Option(names = "--notice", paramLabel = "TIME", description = "How long before; default what the cloud gives (30 s, Amazon 2 min).", defaultValue = "")
        private String notice = "";

        @Override
        String behind() {
            return notice.isEmpty() ? "" : "/" + Durations.parse(notice).toMillis() + "ms";
        }
    }

    /** {@code ferry spot interrupt}. */
    @Command(name = "interrupt", description = "Announces that a machine is taken away, and takes it away at its time: its processes and its disk are gone.", footer = {"", "Example:", "  ferry spot interrupt node-1 --notice 30s"})
    public static final class Interrupt extends Timed {
        @Override
        String verb() {
            return "interrupt";
        }
    }

    /** {@code ferry spot rebalance}. */
    @Command(name = "rebalance", description = "Announces that a machine may be taken away; only Amazon does so.", footer = {"", "Example:", "  ferry spot rebalance node-1"})
    public static final class Rebalance extends Order {
        @Override
        String verb() {
            return "rebalance";
        }
    }

    /** {@code ferry spot maintenance}. */
    @Command(name = "maintenance", description = "Announces that a machine is restarted; nothing else happens.", footer = {"", "Example:", "  ferry spot maintenance node-1 --notice 20m"})
    public static final class Maintenance extends Timed {
        @Override
        String verb() {
            return "maintenance";
        }
    }

    /** {@code ferry spot cancel}. */
    @Command(name = "cancel", description = "Takes back what was announced; an interruption happens all the same.", footer = {"", "Example:", "  ferry spot cancel node-1"})
    public static final class Cancel extends Order {
        @Override
        String verb() {
            return "cancel";
        }
    }

    /** {@code ferry spot start}. */
    @Command(name = "start", description = "Starts a machine that was taken away, with an empty disk.", footer = {"", "Example:", "  ferry spot start node-1"})
    public static final class Start extends Order {
        @Override
        String verb() {
            return "start";
        }
    }
}
