package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.slurm.SlurmDump;
import dev.ferry.proto.v1.Accounting;
import dev.ferry.proto.v1.ChangeAccountingRequest;
import dev.ferry.proto.v1.GetAccountingRequest;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code ferry import}. */
@Command(
        name = "import",
        description = "Takes over what another scheduler knows.",
        subcommands = ImportVerb.Slurm.class,
        footer = {"", "Example:", "  sacctmgr dump mycluster file=mycluster.cfg && ferry import slurm mycluster.cfg"})
public final class ImportVerb {
    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    /** {@code ferry import slurm}. */
    @Command(
            name = "slurm",
            description = "Takes over accounts, users, shares and limits from what 'sacctmgr dump' wrote, all or nothing; those that are there already are changed.",
            footer = {"", "Example:", "  ferry import slurm mycluster.cfg"})
    public static final class Slurm implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "FILE", description = "What 'sacctmgr dump CLUSTER file=FILE' wrote.")
        private Path file = Path.of("");

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                Accounting before = client.askAccounts(stub -> stub.getAccounting(GetAccountingRequest.getDefaultInstance()));
                SlurmDump dump = SlurmDump.read(file, before);
                Accounting after = client.askAccounts(stub -> stub.changeAccounting(ChangeAccountingRequest.newBuilder().addAllChanges(dump.changes()).build()));
                server.print(after, dump::summary);
                return 0;
            }
        }
    }
}
