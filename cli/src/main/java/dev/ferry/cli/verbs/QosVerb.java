package dev.ferry.cli.verbs;

import dev.ferry.cli.output.Table;
import dev.ferry.proto.v1.Accounting;
import dev.ferry.proto.v1.AccountingChange;
import dev.ferry.proto.v1.Qos;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code ferry qos}. */
@Command(
        name = "qos",
        description = "Adds, changes, lists or removes qualities of service: priority, limits, and whom their jobs may preempt.",
        subcommands = {QosVerb.Add.class, QosVerb.Modify.class, QosVerb.Listing.class, QosVerb.Remove.class},
        footer = {"", "Example:", "  ferry qos add urgent --priority 100 --preempts normal --accounts ops"})
public final class QosVerb {
    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    /** What can be said of a QoS. */
    abstract static class Put extends AccountingVerbs.Change {
        @Option(names = "--priority", paramLabel = "N", description = "Its part of the highest priority of all QoS is the QoS factor of its jobs.")
        private @Nullable Long priority;

        @Option(names = "--usage-factor", paramLabel = "X", description = "What a second of use counts; else 1.")
        private @Nullable Double usageFactor;

        @Option(names = "--preempts", paramLabel = "QOS", split = ",", description = "Jobs of these QoS make room for jobs of this one; 'none' clears the list.")
        private @Nullable List<String> preempts;

        @Option(names = "--accounts", paramLabel = "ACCOUNT", split = ",", description = "Only jobs of these accounts, and of those below them, may have it; else of all, as with 'root'.")
        private @Nullable List<String> accounts;

        @Option(names = "--preempt-exempt-time", paramLabel = "TIME", description = "How long its jobs run before a QoS may preempt them.")
        private @Nullable String exempt;

        @Mixin private final AccountingVerbs.LimitOptions limits = new AccountingVerbs.LimitOptions();

        abstract AccountingChange.How how();

        @Override
        AccountingChange change() {
            Qos.Builder qos = Qos.newBuilder().setName(name).setLimits(limits.limits());
            AccountingChange.Builder change = AccountingChange.newBuilder().setHow(how());
            if (priority != null) {
                qos.setPriority(priority);
            }
            if (usageFactor != null) {
                qos.setUsageFactor(usageFactor);
            }
            if (preempts != null && AccountingVerbs.isCleared("--preempts", preempts, "none")) {
                change.addClear("preempts");
            } else if (preempts != null) {
                qos.addAllPreempts(preempts);
            }
            if (accounts != null) {
                qos.addAllAccounts(accounts);
            }
            if (exempt != null) {
                qos.setPreemptExemptSeconds(Math.max(0, AccountingVerbs.seconds(exempt)));
            }
            return change.setQos(qos).build();
        }
    }

    /** {@code ferry qos add}. */
    @Command(name = "add", description = "Adds a QoS.", footer = {"", "Example:", "  ferry qos add long --max-wall 7d --max-jobs 2"})
    public static final class Add extends Put {
        @Override
        AccountingChange.How how() {
            return AccountingChange.How.ADD;
        }
    }

    /** {@code ferry qos modify}. */
    @Command(name = "modify", description = "Changes what is named of a QoS.", footer = {"", "Example:", "  ferry qos modify long --priority 10"})
    public static final class Modify extends Put {
        @Override
        AccountingChange.How how() {
            return AccountingChange.How.MODIFY;
        }
    }

    /** {@code ferry qos remove}. */
    @Command(name = "remove", description = "Removes a QoS that has no jobs.", footer = {"", "Example:", "  ferry qos remove long"})
    public static final class Remove extends AccountingVerbs.Change {
        @Override
        AccountingChange change() {
            return AccountingChange.newBuilder().setHow(AccountingChange.How.REMOVE).setQos(Qos.newBuilder().setName(name)).build();
        }
    }

    /** {@code ferry qos list}. */
    @Command(name = "list", description = "Lists QoS.", footer = {"", "Example:", "  ferry qos list"})
    public static final class Listing extends AccountingVerbs.Listing {
        @Override
        String table(Accounting all) {
            Table table = new Table("QOS", "PRIORITY", "FACTOR", "PREEMPTS", "ACCOUNTS", "EXEMPT", "LIMITS");
            for (Qos one : all.getQosList()) {
                table.row(
                        one.getName(), Long.toString(one.getPriority()), one.hasUsageFactor() ? Double.toString(one.getUsageFactor()) : "1.0", String.join(",", one.getPreemptsList()), String.join(",", one.getAccountsList()),
                        one.getPreemptExemptSeconds() == 0 ? "" : one.getPreemptExemptSeconds() + "s", AccountingVerbs.words(one.getLimits()));
            }
            return table.toString();
        }
    }
}
