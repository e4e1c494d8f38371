package dev.ferry.cli.verbs;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code ferry admin}: what only an administrator may. */
@Command(
        name = "admin",
        description = "Administrates a coordinator: which people and machines are let in, and what was changed by whom.",
        subcommands = {TokenVerbs.class, AuditVerb.class, CaVerb.class, JoinVerbs.Invite.class, JoinVerbs.RevokeNode.class, StateVerbs.Backup.class, StateVerbs.Export.class, StateVerbs.Import.class},
        footer = {"", "Example:", "  ferry admin token create --role user --user ada --account physics --expires 30d"})
public final class AdminVerb implements Runnable {
    @Spec private CommandSpec spec;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Say what: " + String.join(", ", spec.subcommands().keySet()));
    }
}
