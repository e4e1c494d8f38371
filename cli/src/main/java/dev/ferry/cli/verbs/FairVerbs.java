package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.slurm.CaseBilling;
import dev.ferry.cli.slurm.CaseFile;
import dev.ferry.cli.slurm.CasePriority;
import dev.ferry.cli.slurm.CaseSeries;
import dev.ferry.cli.slurm.CaseTree;
import dev.ferry.cli.slurm.Rows;
import dev.ferry.cli.slurm.ServerTables;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetFairshareRequest;
import dev.ferry.proto.v1.GetPrioritiesRequest;
import dev.ferry.proto.v1.Priorities;
import dev.ferry.scheduling.fairshare.Ties;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Verbs that show what is due to whom. */
public final class FairVerbs {
    private FairVerbs() {}

    /** What both take. */
    abstract static class OfCase implements Callable<Integer> {
        @Option(names = "--case", paramLabel = "FILE", description = "A case recorded from Slurm; no coordinator is asked then.")
        private @Nullable Path file;

        @Option(names = "--ties", paramLabel = "WAY", description = "What becomes of accounts that are level: slurm (as its program does) or documented (as its documentation says); else what the case says.")
        private @Nullable Ties ties;

        @Mixin private final ServerOption server = new ServerOption();

        @Override
        public Integer call() {
            Rows rows = file == null ? ofServer() : ofCase(CaseFile.read(file));
            System.out.print(server.json() ? rows.json() + "\n" : rows.table());
            return 0;
        }

        private Rows ofCase(CaseFile recorded) {
            if (ties != null && recorded.kind() != CaseFile.Kind.TREE) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--ties says what becomes of accounts that are level; there are none in " + file + ", which is a case of kind " + recorded.kind());
            }
            return switch (recorded.kind()) {
                case TREE -> ofTree(recorded, new CaseTree(recorded, ties));
                case SERIES -> new CaseSeries(recorded).rows();
                case BILLING -> new CaseBilling(recorded).rows();
            };
        }

        private Rows ofServer() {
            if (ties != null) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--ties goes with --case; a coordinator has scheduling.ties in its configuration");
            }
            try (Client client = server.connect()) {
                return ofServer(client);
            }
        }

        abstract Rows ofServer(Client client);

        abstract Rows ofTree(CaseFile recorded, CaseTree tree);
    }

    /** {@code ferry fairshare}. */
    @Command(
            name = "fairshare",
            description = "Shows what is due to accounts and users and what they used, as Slurm's sshare -l does; of a series, what is left of use after each tick; of billing, what jobs are billed.",
            footer = {"", "Examples:", "  ferry fairshare", "  ferry fairshare --case 03-classic.json -o json"})
    public static final class Fairshare extends OfCase {
        @Override
        Rows ofTree(CaseFile recorded, CaseTree tree) {
            return tree.sshare();
        }

        @Override
        Rows ofServer(Client client) {
            return ServerTables.sshare(client.askAccounts(stub -> stub.getFairshare(GetFairshareRequest.getDefaultInstance())));
        }
    }

    /** {@code ferry priority}. */
    @Command(
            name = "priority",
            description = "Shows what the priority of each waiting job is made of, as Slurm's sprio -l does.",
            footer = {"", "Examples:", "  ferry priority", "  ferry priority --case 03-classic.json"})
    public static final class Priority extends OfCase {
        @Option(names = {"-n", "--normalized"}, description = "Factors from 0 to 1 instead of points, as sprio -n does.")
        private boolean normalized;

        @Override
        Rows ofTree(CaseFile recorded, CaseTree tree) {
            CasePriority priorities = new CasePriority(recorded, tree);
            return normalized ? priorities.normalized() : priorities.sprio();
        }

        @Override
        Rows ofServer(Client client) {
            Priorities priorities = client.askAccounts(stub -> stub.getPriorities(GetPrioritiesRequest.getDefaultInstance()));
            return normalized ? ServerTables.normalized(priorities) : ServerTables.sprio(priorities);
        }
    }
}
