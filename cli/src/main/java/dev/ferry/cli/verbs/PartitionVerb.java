package dev.ferry.cli.verbs;

import dev.ferry.cli.output.Table;
import dev.ferry.proto.v1.Accounting;
import dev.ferry.proto.v1.AccountingChange;
import dev.ferry.proto.v1.Partition;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code ferry partition}. */
@Command(
        name = "partition",
        description = "Adds, changes, lists or removes partitions: sets of nodes, and what a second on them costs.",
        subcommands = {PartitionVerb.Add.class, PartitionVerb.Modify.class, PartitionVerb.Listing.class, PartitionVerb.Remove.class},
        footer = {"", "Example:", "  ferry partition add gpu --nodes node-1,node-2 --billing-weights CPU=1,GRES/gpu=16"})
public final class PartitionVerb {
    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    /** What can be said of a partition. */
    abstract static class Put extends AccountingVerbs.Change {
        @Option(names = "--priority", paramLabel = "N", description = "Its part of the highest of all partitions is the partition factor of its jobs; else 1.")
        private @Nullable Long priority;

        @Option(names = "--nodes", paramLabel = "NODE", split = ",", description = "Its nodes; else, or with 'all', all.")
        private @Nullable List<String> nodes;

        @Option(names = "--billing-weights", paramLabel = "WEIGHTS", description = "What a second of each resource costs, for example CPU=1.0,Mem=0.25G,GRES/gpu=16.")
        private @Nullable String weights;

        @Option(names = "--max-time", paramLabel = "TIME", description = "The longest time limit of a job; 'none' for no limit.")
        private @Nullable String maxTime;

        abstract AccountingChange.How how();

        @Override
        AccountingChange change() {
            Partition.Builder partition = Partition.newBuilder().setName(name);
            AccountingChange.Builder change = AccountingChange.newBuilder().setHow(how());
            if (priority != null) {
                partition.setPriority(priority);
            }
            if (nodes != null && AccountingVerbs.isCleared("--nodes", nodes, "all")) {
                change.addClear("nodes");
            } else if (nodes != null) {
                partition.addAllNodes(nodes);
            }
            if (weights != null) {
                partition.setBillingWeights(weights);
            }
            if (maxTime != null) {
                partition.setMaxTimeSeconds(AccountingVerbs.seconds(maxTime));
            }
            return change.setPartition(partition).build();
        }
    }

    /** {@code ferry partition add}. */
    @Command(name = "add", description = "Adds a partition.", footer = {"", "Example:", "  ferry partition add debug --nodes node-1 --max-time 30m --priority 10"})
    public static final class Add extends Put {
        @Override
        AccountingChange.How how() {
            return AccountingChange.How.ADD;
        }
    }

    /** {@code ferry partition modify}. */
    @Command(name = "modify", description = "Changes what is named of a partition.", footer = {"", "Example:", "  ferry partition modify debug --nodes node-1,node-2"})
    public static final class Modify extends Put {
        @Override
        AccountingChange.How how() {
            return AccountingChange.How.MODIFY;
        }
    }

    /** {@code ferry partition remove}. */
    @Command(name = "remove", description = "Removes a partition that has no jobs.", footer = {"", "Example:", "  ferry partition remove debug"})
    public static final class Remove extends AccountingVerbs.Change {
        @Override
        AccountingChange change() {
            return AccountingChange.newBuilder().setHow(AccountingChange.How.REMOVE).setPartition(Partition.newBuilder().setName(name)).build();
        }
    }

    /** {@code ferry partition list}. */
    @Command(name = "list", description = "Lists partitions.", footer = {"", "Example:", "  ferry partition list"})
    public static final class Listing extends AccountingVerbs.Listing {
        @Override
        String table(Accounting all) {
            Table table = new Table("PARTITION", "PRIORITY", "NODES", "BILLING", "MAXTIME");
            for (Partition one : all.getPartitionsList()) {
                table.row(
                        one.getName(), one.hasPriority() ? Long.toString(one.getPriority()) : "1", one.getNodesCount() == 0 ? "all" : String.join(",", one.getNodesList()), one.getBillingWeights(),
                        one.hasMaxTimeSeconds() && one.getMaxTimeSeconds() >= 0 ? one.getMaxTimeSeconds() + "s" : "");
            }
            return table.toString();
        }
    }
}
