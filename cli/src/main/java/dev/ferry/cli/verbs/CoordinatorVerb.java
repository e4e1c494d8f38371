package dev.ferry.cli.verbs;

import dev.ferry.common.Configs;
import dev.ferry.common.LocalAccess;
import dev.ferry.coordinator.Coordinator;
import dev.ferry.coordinator.CoordinatorConfig;
import dev.ferry.coordinator.access.LocalFolder;
import java.io.IOException;
import dev.ferry.coordinator.leader.Member;
import java.nio.file.Path;
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
        String[] server = new String[1];
        try {
            Daemons.run(
                    start,
                    part -> {
                        server[0] = host(settings.grpcListen()) + ":" + grpcPort.applyAsInt(part);
                        publish(server[0], access);
                        return "ready grpc=" + server[0] + " http=" + host(settings.httpListen()) + ":" + httpPort.applyAsInt(part);
                    });
        } finally {
            if (server[0] != null) {
                LocalAccess.withdraw(server[0], access);
            }
        }
    }

    private static void publish(String server, Path access) {
        try {
            LocalAccess.publish(server, access);
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
