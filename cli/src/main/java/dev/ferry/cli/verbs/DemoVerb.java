package dev.ferry.cli.verbs;

import dev.ferry.cli.demo.Demo;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code ferry demo}. */
@Command(
        name = "demo",
        description = "Trains a model that is checkpointed, migrated, suspended, resumed and killed, and ends with the same weights as one that was left alone.",
        footer = {"", "Example:", "  ferry demo"})
public final class DemoVerb implements Callable<Integer> {
    @Option(names = {"-o", "--output"}, paramLabel = "FORMAT", description = "table or json.", defaultValue = "table")
    private ServerOption.Output output = ServerOption.Output.table;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public Integer call() throws Exception {
        return Demo.run(output == ServerOption.Output.json) ? 0 : 1;
    }
}
