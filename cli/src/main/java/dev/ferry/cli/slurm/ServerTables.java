package dev.ferry.cli.slurm;

import dev.ferry.proto.v1.Fairshare;
import dev.ferry.proto.v1.FairshareRow;
import dev.ferry.proto.v1.Priorities;
import dev.ferry.proto.v1.PriorityFactors;
import dev.ferry.proto.v1.PriorityRow;
import dev.ferry.scheduling.tres.Tres;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** What a coordinator says of shares and priorities, in the tables that Slurm prints. */
public final class ServerTables {
    private static final int PARENT = -1;
    private static final long HIGHEST = 0xFFFF_FFFFL;

    private ServerTables() {}

    /** {@code sshare -l}. */
    public static Rows sshare(Fairshare fairshare) {
        Rows table = new Rows("Account", "User", "RawShares", "NormShares", "RawUsage", "NormUsage", "EffectvUsage", "FairShare", "LevelFS");
        for (FairshareRow row : fairshare.getRowsList()) {
            boolean root = row.getDepth() == 0;
            boolean withParent = !root && row.getShares() == PARENT;
            table.add(
                    " ".repeat(row.getDepth()) + row.getAccount(),
                    row.getUser(),
                    root ? "" : withParent ? "parent" : Integer.toString(row.getShares()),
                    number(row.getNormalizedShares()),
                    Long.toString(row.getUsage()),
                    root ? "" : number(row.getNormalizedUsage()),
                    number(row.getEffectiveUsage()),
                    fairshare.getFairTree() && row.getUser().isEmpty() ? "" : number(row.getFactor()),
                    fairshare.getFairTree() && root || withParent ? "" : number(row.getLevel()));
        }
        return table;
    }

    private static String number(double value) {
        return SlurmText.fixed(SlurmText.sent(value), 6);
    }

    /** {@code sprio -l}; its second PARTITION, the name, is PARTITION_NAME. */
    public static Rows sprio(Priorities priorities) {
        Rows table = new Rows("JOBID", "PARTITION_NAME", "USER", "PRIORITY", "SITE", "AGE", "ASSOC", "FAIRSHARE", "JOBSIZE", "PARTITION", "QOS", "NICE", "TRES");
        for (PriorityRow row : priorities.getRowsList()) {
            PriorityFactors points = row.getPoints();
            table.add(
                    row.getJob(), row.getPartitionName(), row.getUser(), Long.toString(row.getPriority()), "0", whole(points.getAge()), whole(points.getAssociation()), whole(points.getFairshare()), whole(points.getJobSize()),
                    whole(points.getPartition()), whole(points.getQos()), Long.toString(points.getNice()), tres(points, 0));
        }
        return table;
    }

    /** {@code sprio -n -l}. */
    public static Rows normalized(Priorities priorities) {
        Rows table = new Rows("JOBID", "PARTITION_NAME", "USER", "PRIORITY", "AGE", "ASSOC", "FAIRSHARE", "JOBSIZE", "PARTITION", "QOS", "TRES");
        for (PriorityRow row : priorities.getRowsList()) {
            PriorityFactors factors = row.getFactors();
            table.add(
                    row.getJob(), row.getPartitionName(), row.getUser(), SlurmText.fixed((double) row.getPriority() / HIGHEST, 10).substring(0, 10), part(factors.getAge()), part(factors.getAssociation()),
                    part(factors.getFairshare()), part(factors.getJobSize()), part(factors.getPartition()), part(factors.getQos()), tres(factors, 2));
        }
        return table;
    }

    private static String whole(double points) {
        return SlurmText.fixed(SlurmText.sent(points), 0);
    }

    private static String part(double factor) {
        return SlurmText.fixed(factor, 7);
    }

    private static String tres(PriorityFactors factors, int decimals) {
        SortedMap<String, Double> inOrder = new TreeMap<>(Tres.ORDER);
        inOrder.putAll(factors.getTresMap());
        return inOrder.entrySet().stream().map(part -> part.getKey() + "=" + SlurmText.fixed(SlurmText.sent(part.getValue()), decimals)).collect(Collectors.joining(","));
    }
}
