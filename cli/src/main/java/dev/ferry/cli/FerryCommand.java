package dev.ferry.cli;

import java.util.Objects;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The command itself; all is in its verbs. */
@Command(
        name = "ferry",
        description = "Moves running jobs between machines without losing their work.",
        synopsisSubcommandLabel = "VERB",
        mixinStandardHelpOptions = false,
        footer = {"", "First steps:", "  ferry demo            shows all of it on this machine", "  ferry up              a small cluster on this machine, to try things by hand", "  ferry VERB --help     what a verb takes, with an example", "", "In Ferry's sources also:", "  ferry setup           installs what this machine lacks", "  ferry test            installs what the tests need, and runs them", "  ferry kit --out FILE  makes one file that checks a machine with GPUs; ferry kit --help says more"})
public final class FerryCommand implements Callable<Integer> {
    @Spec private CommandSpec spec;

    @picocli.CommandLine.Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @picocli.CommandLine.Option(names = {"-V", "--version"}, description = "Tell the versions, as 'ferry version' does.")
    private boolean version;

    @Override
    public Integer call() {
        if (version) {
            return Objects.requireNonNull(spec.subcommands().get("version")).execute();
        }
        throw new ParameterException(spec.commandLine(), "A verb is missing; 'ferry --help' lists them");
    }
}
