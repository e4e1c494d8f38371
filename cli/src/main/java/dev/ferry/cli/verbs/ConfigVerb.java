package dev.ferry.cli.verbs;

import dev.ferry.cli.output.Defaults;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code ferry config}. */
@Command(name = "config", description = "Helps with configuration files.", subcommands = ConfigVerb.PrintDefaults.class, footer = {"", "Example:", "  ferry config print-defaults node"})
public final class ConfigVerb implements Runnable {
    @Spec private CommandSpec spec;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Say what: ferry config print-defaults [coordinator|node]");
    }

    /** {@code ferry config print-defaults}. */
    @Command(
            name = "print-defaults",
            description = "Prints a commented configuration with every key and its default.",
            footer = {"", "Example:", "  ferry config print-defaults node > node.yaml"})
    public static final class PrintDefaults implements Callable<Integer> {
        @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
        private boolean help;

        @Parameters(paramLabel = "coordinator|node", arity = "0..1", description = "Of which part; else of both.", defaultValue = "")
        private String part = "";

        @Override
        public Integer call() {
            switch (part) {
                case "coordinator" -> System.out.print(Defaults.coordinator());
                case "node" -> System.out.print(Defaults.node());
                case "" -> System.out.print("# coordinator.yaml\n" + Defaults.coordinator() + "\n---\n# node.yaml\n" + Defaults.node());
                default -> throw new FerryException(ErrorCode.INVALID_ARGUMENT, "There is no part '" + part + "'; there are coordinator and node");
            }
            return 0;
        }
    }
}
