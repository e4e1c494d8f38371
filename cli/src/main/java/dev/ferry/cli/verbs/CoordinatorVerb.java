package dev.ferry.cli.verbs;

import dev.ferry.common.Configs;
import dev.ferry.common.LocalAccess;
import dev.ferry.coordinator.Coordinator;
import dev.ferry.coordinator.CoordinatorConfig;
import dev.ferry.coordinator.GrpcPorts;
import dev.ferry.coordinator.access.LocalFolder;
import dev.ferry.coordinator.leader.Member;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.ToIntFunction;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code ferry coordinator}. */
@Command(
        name = "coordinator",
        description = "Runs the coordinator in the foreground.",
        footer = {"", "Example:", "  ferry config print-defaults coordinator > coordinator.yaml", "  ferry coordinator --config coordinator.yaml"})
public final class CoordinatorVerb implements Callable<Integer> {
    @Option(names = "--config", paramLabel = "FILE", required = true, description = "Configuration; 'ferry config print-defaults coordinator' prints one.")
    private Path config = Path.of("");

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public Integer call() throws Exception {
        CoordinatorConfig settings = Configs.load(config, CoordinatorConfig.defaults());
        if (settings.database().shared()) {
            run(settings, () -> Member.start(settings), Member::grpcPort, Member::httpPort);
        } else {
            run(settings, () -> Coordinator.start(settings), Coordinator::grpcPort, Coordinator::httpPort);
        }
        return 0;
    }

    private static <T extends AutoCloseable> void run(CoordinatorConfig settings, Daemons.Start<T> start, ToIntFunction<T> grpcPort, ToIntFunction<T> httpPort) throws Exception {
        Path access = Path.of(settings.data()).resolve(LocalFolder.NAME);
        Daemons.run(
                () -> new Published<>(start.run(), new ArrayList<>(), access),
                found -> {
                    int port = grpcPort.applyAsInt(found.part());
                    found.servers().addAll(GrpcPorts.local(settings, port));
                    publish(found.servers(), access);
                    return "ready grpc=" + host(settings.grpcListen()) + ":" + port + " http=" + host(settings.httpListen()) + ":" + httpPort.applyAsInt(found.part());
                });
    }

    /**
     * A part that command lines of this machine find. Its end is theirs: once a part is closed the process may be gone before anything else is done.
     *
     * @param servers the addresses at which they look, as far as they were published
     * @param access the folder to which they lead
     */
    private record Published<T extends AutoCloseable>(T part, List<String> servers, Path access) implements AutoCloseable {
        @Override
        public void close() throws Exception {
            try (T ignored = part) {
                for (String server : servers) {
                    LocalAccess.withdraw(server, access);
                }
            }
        }
    }

    private static void publish(List<String> servers, Path access) {
        try {
            for (String server : servers) {
                LocalAccess.publish(server, access);
            }
        } catch (IOException nowhere) {
            // Nothing but comfort is lost: the token's file can be named.
            System.err.println("ferry: command lines on this machine need --token-file " + access.resolve(LocalFolder.TOKEN) + ": " + nowhere);
        }
    }

    private static String host(String addresses) {
        String first = addresses.split(",", 2)[0].trim();
        return first.substring(0, first.lastIndexOf(':'));
    }
}
