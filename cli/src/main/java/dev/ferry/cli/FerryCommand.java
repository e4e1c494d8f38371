package dev.ferry.cli;

import dev.ferry.cli.verbs.CompletionVerb;
import dev.ferry.cli.verbs.ConfigVerb;
import dev.ferry.cli.verbs.CoordinatorVerb;
import dev.ferry.cli.verbs.DemoVerb;
import dev.ferry.cli.verbs.DoctorVerb;
import dev.ferry.cli.verbs.ImageVerb;
import dev.ferry.cli.verbs.JobVerbs;
import dev.ferry.cli.verbs.MoveVerbs;
import dev.ferry.cli.verbs.NodeVerb;
import dev.ferry.cli.verbs.OperationVerbs;
import dev.ferry.cli.verbs.RunVerb;
import dev.ferry.cli.verbs.UpVerb;
import dev.ferry.cli.verbs.VersionVerb;
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
        subcommands = {
            RunVerb.class, JobVerbs.Ps.class, JobVerbs.Show.class, JobVerbs.Logs.class, JobVerbs.Signal.class, JobVerbs.Cancel.class, JobVerbs.Wait.class,
            MoveVerbs.Checkpoint.class, MoveVerbs.Suspend.class, MoveVerbs.Resume.class, MoveVerbs.Migrate.class, MoveVerbs.Restore.class,
            ImageVerb.Listing.class, ImageVerb.class, NodeVerb.Listing.class, NodeVerb.class, OperationVerbs.Listing.class, OperationVerbs.One.class,
            DemoVerb.class, UpVerb.class, CoordinatorVerb.class, ConfigVerb.class, DoctorVerb.class, CompletionVerb.class, VersionVerb.class
        },
        footer = {"", "First steps:", "  ferry demo            shows all of it on this machine", "  ferry up              a small cluster on this machine, to try things by hand", "  ferry VERB --help     what a verb takes, with an example"})
public final class FerryCommand implements Runnable {
    @Spec private CommandSpec spec;

    @picocli.CommandLine.Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "A verb is missing; 'ferry --help' lists them");
    }
}
