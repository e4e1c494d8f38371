package dev.ferry.cli.verbs;

import dev.ferry.cli.output.Table;
import dev.ferry.proto.v1.Accounting;
import dev.ferry.proto.v1.AccountingChange;
import dev.ferry.proto.v1.Association;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code ferry user}. */
@Command(
        name = "user",
        description = "Adds users to accounts, changes, lists or removes them.",
        subcommands = {UserVerb.Add.class, UserVerb.Modify.class, UserVerb.Listing.class, UserVerb.Remove.class},
        footer = {"", "Example:", "  ferry user add alice --account physics"})
public final class UserVerb {
    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    /** A user in an account. */
    abstract static class OfAccount extends AccountingVerbs.Change {
        @Option(names = "--account", paramLabel = "ACCOUNT", required = true, description = "The account.")
        String account = "";
    }

    /** What can be said of a user. */
    abstract static class Put extends OfAccount {
        @Option(names = "--shares", paramLabel = "N|parent", description = "What is due to the user in the account; else 1. parent: the user competes with the account's siblings.")
        private @Nullable String shares;

        @Option(names = "--priority", paramLabel = "N", description = "What the user's jobs get for being theirs.")
        private @Nullable Long priority;

        @Option(names = "--default-qos", paramLabel = "QOS", description = "QoS of jobs that name none.")
        private @Nullable String qos;

        @Option(names = "--default", description = "Jobs that name no account are billed to this one.")
        private boolean byDefault;

        @Mixin private final AccountingVerbs.LimitOptions limits = new AccountingVerbs.LimitOptions();

        abstract AccountingChange.How how();

        @Override
        AccountingChange change() {
            Association.Builder user = Association.newBuilder().setAccount(account).setUser(name).setLimits(limits.limits());
            if (shares != null) {
                user.setShares(AccountingVerbs.shares(shares));
            }
            if (priority != null) {
                user.setPriority(priority);
            }
            if (qos != null) {
                user.setDefaultQos(qos);
            }
            if (byDefault) {
                user.setDefaultAccount(true);
            }
            return AccountingChange.newBuilder().setHow(how()).setAssociation(user).build();
        }
    }

    /** {@code ferry user add}. */
    @Command(name = "add", description = "Adds a user to an account.", footer = {"", "Example:", "  ferry user add alice --account physics --shares 2 --default"})
    public static final class Add extends Put {
        @Override
        AccountingChange.How how() {
            return AccountingChange.How.ADD;
        }
    }

    /** {@code ferry user modify}. */
    @Command(name = "modify", description = "Changes what is named of a user in an account.", footer = {"", "Example:", "  ferry user modify alice --account physics --max-jobs 4"})
    public static final class Modify extends Put {
        @Override
        AccountingChange.How how() {
            return AccountingChange.How.MODIFY;
        }
    }

    /** {@code ferry user remove}. */
    @Command(name = "remove", description = "Removes a user without jobs from an account.", footer = {"", "Example:", "  ferry user remove alice --account physics"})
    public static final class Remove extends OfAccount {
        @Override
        AccountingChange change() {
            return AccountingChange.newBuilder().setHow(AccountingChange.How.REMOVE).setAssociation(Association.newBuilder().setAccount(account).setUser(name)).build();
        }
    }

    /** {@code ferry user list}. */
    @Command(name = "list", description = "Lists users and their accounts.", footer = {"", "Example:", "  ferry user list"})
    public static final class Listing extends AccountingVerbs.Listing {
        @Override
        String table(Accounting all) {
            Table table = new Table("USER", "ACCOUNT", "DEFAULT", "SHARES", "PRIORITY", "QOS", "LIMITS");
            for (Association one : all.getAssociationsList()) {
                if (!one.getUser().isEmpty()) {
                    table.row(one.getUser(), one.getAccount(), one.getDefaultAccount() ? "yes" : "", AccountVerb.shares(one), one.hasPriority() ? Long.toString(one.getPriority()) : "", one.getDefaultQos(), AccountingVerbs.words(one.getLimits()));
                }
            }
            return table.toString();
        }
    }
}
