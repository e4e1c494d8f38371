package dev.ferry.cli.verbs;

import dev.ferry.common.Configs;
import dev.ferry.coordinator.Coordinator;
import dev.ferry.coordinator.CoordinatorConfig;
import java.nio.file.Path;
import java.util.concurrent.Callable;
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
        Daemons.run(
                () -> Coordinator.start(settings),
                coordinator -> "ready grpc=" + host(settings.grpcListen()) + ":" + coordinator.grpcPort() + " http=" + host(settings.httpListen()) + ":" + coordinator.httpPort());
        return 0;
    }

    private static String host(String addresses) {
        String first = addresses.split(",", 2)[0].trim();
        return first.substring(0, first.lastIndexOf(':'));
    }
}
