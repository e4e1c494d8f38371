package dev.ferry.cli.verbs;

import dev.ferry.cli.output.Table;
import dev.ferry.proto.v1.Accounting;
import dev.ferry.proto.v1.AccountingChange;
import dev.ferry.proto.v1.Association;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code ferry account}. */
@Command(
        name = "account",
        description = "Adds, changes, lists or removes accounts: who shares the cluster, and what is due to whom.",
        subcommands = {AccountVerb.Add.class, AccountVerb.Modify.class, AccountVerb.Listing.class, AccountVerb.Remove.class},
        footer = {"", "Example:", "  ferry account add physics --shares 30"})
public final class AccountVerb {
    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    /** What can be said of an account. */
    abstract static class Put extends AccountingVerbs.Change {
        @Option(names = "--parent", paramLabel = "ACCOUNT", description = "The account that it lies in; else root.")
        private @Nullable String parent;

        @Option(names = "--shares", paramLabel = "N|parent", description = "What is due to it among its siblings; else 1. parent: its members compete with its siblings.")
        private @Nullable String shares;

        @Option(names = "--priority", paramLabel = "N", description = "What its jobs get for being its.")
        private @Nullable Long priority;

        @Option(names = "--default-qos", paramLabel = "QOS", description = "QoS of jobs that name none.")
        private @Nullable String qos;

        @Mixin private final AccountingVerbs.LimitOptions limits = new AccountingVerbs.LimitOptions();

        abstract AccountingChange.How how();

        @Override
        AccountingChange change() {
            Association.Builder account = Association.newBuilder().setAccount(name).setLimits(limits.limits());
            if (parent != null) {
                account.setParent(parent);
            }
            if (shares != null) {
                account.setShares(AccountingVerbs.shares(shares));
            }
            if (priority != null) {
                account.setPriority(priority);
            }
            if (qos != null) {
                account.setDefaultQos(qos);
            }
            return AccountingChange.newBuilder().setHow(how()).setAssociation(account).build();
        }
    }

    /** {@code ferry account add}. */
    @Command(name = "add", description = "Adds an account.", footer = {"", "Example:", "  ferry account add optics --parent physics --shares 2"})
    public static final class Add extends Put {
        @Override
        AccountingChange.How how() {
            return AccountingChange.How.ADD;
        }
    }

    /** {@code ferry account modify}. */
    @Command(name = "modify", description = "Changes what is named of an account.", footer = {"", "Example:", "  ferry account modify optics --grp-tres gres/gpu=16"})
    public static final class Modify extends Put {
        @Override
        AccountingChange.How how() {
            return AccountingChange.How.MODIFY;
        }
    }

    /** {@code ferry account remove}. */
    @Command(name = "remove", description = "Removes an account that holds nothing and has no jobs.", footer = {"", "Example:", "  ferry account remove optics"})
    public static final class Remove extends AccountingVerbs.Change {
        @Override
        AccountingChange change() {
            return AccountingChange.newBuilder().setHow(AccountingChange.How.REMOVE).setAssociation(Association.newBuilder().setAccount(name)).build();
        }
    }

    /** {@code ferry account list}. */
    @Command(name = "list", description = "Lists accounts.", footer = {"", "Example:", "  ferry account list"})
    public static final class Listing extends AccountingVerbs.Listing {
        @Override
        String table(Accounting all) {
            Table table = new Table("ACCOUNT", "PARENT", "SHARES", "PRIORITY", "QOS", "LIMITS");
            for (Association one : all.getAssociationsList()) {
                if (one.getUser().isEmpty()) {
                    boolean root = one.getId() == 1;
                    table.row(one.getAccount(), root ? "" : one.getParent().isEmpty() ? "root" : one.getParent(), root ? "" : shares(one), one.hasPriority() ? Long.toString(one.getPriority()) : "", one.getDefaultQos(), AccountingVerbs.words(one.getLimits()));
                }
            }
            return table.toString();
        }
    }

    static String shares(Association association) {
        return !association.hasShares() ? "1" : association.getShares() < 0 ? "parent" : Integer.toString(association.getShares());
    }
}
