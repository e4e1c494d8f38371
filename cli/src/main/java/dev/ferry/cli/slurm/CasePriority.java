package dev.ferry.cli.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.priority.Factors;
import dev.ferry.scheduling.priority.Multifactor;
import dev.ferry.scheduling.priority.PriorityJob;
import dev.ferry.scheduling.priority.PriorityPolicy;
import dev.ferry.scheduling.priority.PriorityScale;
import dev.ferry.scheduling.tres.Tres;
import dev.ferry.scheduling.tres.TresWeights;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SortedMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** The waiting jobs of a case and their priorities: {@code sprio -l}. */
public final class CasePriority {
    private static final Pattern STAMP = Pattern.compile("\\[(\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d)");
    /** What a job's QOS is if it has none. */
    private static final Set<String> NO_QOS = Set.of("", "(null)", "N/A");
    private static final int DECIMALS_OF_PRIORITY = 14;
    private static final int ROOM_FOR_PRIORITY = 10;

    private final CaseFile file;
    private final CaseTree tree;
    private final Map<String, Long> qos = new LinkedHashMap<>();
    private final CasePartitions partitions;
    private final SortedMap<Long, CaseJob> jobs;
    private final PriorityPolicy policy;

    /** A job in one of its partitions; points or factors. */
    private record Row(CaseJob job, String partition, Factors factors) {}

    public CasePriority(CaseFile file, CaseTree tree) {
        this.file = file;
        this.tree = tree;
        file.array("qos").forEach(row -> qos.put(file.text(row, "Name", "a qos"), file.whole(row, "Priority", "qos " + row.path("Name").asText())));
        partitions = new CasePartitions(file);
        jobs = CaseJob.listed(file, file.flags());
        policy = policy();
    }

    private PriorityPolicy policy() {
        return new PriorityPolicy(
                weight("Age"), weight("Assoc"), weight("FairShare"), weight("JobSize"), weight("Partition"), weight("QOS"), file.weights(file.config("PriorityWeightTRES", ""), "a PriorityWeightTRES"), Math.max(1, file.maxAge()),
                file.config("PriorityFavorSmall", "No").equalsIgnoreCase("yes"), NormalFlags.of(file));
    }

    private long weight(String of) {
        return file.whole(file.config("PriorityWeight" + of, "0"), "PriorityWeight" + of);
    }

    /** Points of each waiting job, by job and partition. */
    private List<Row> points() {
        if (jobs.isEmpty()) {
            return List.of();
        }
        long now = tick();
        // Whatever else is wrong with a job is told before the size of the cluster is looked for.
        points(Tres.NOTHING, now);
        Tres cluster = new ClusterSize(file, partitions, jobs, policy).find(size -> sums(points(size, now)));
        return points(cluster, now);
    }

    /** Priorities by job; a job of several partitions has that of the first. */
    private static Map<Long, Double> sums(List<Row> rows) {
        Map<Long, Double> sums = new LinkedHashMap<>();
        rows.forEach(row -> sums.putIfAbsent(row.job().id(), row.factors().points()));
        return sums;
    }

    private List<Row> points(Tres cluster, long now) {
        PriorityScale scale = new PriorityScale(Math.max(1, cluster.get(Tres.NODE)), Math.max(1, cluster.get(Tres.CPU)), highestAssociation(), partitions.highest(), qos.values().stream().reduce(0L, Math::max));
        List<Row> rows = new ArrayList<>();
        for (CaseJob job : jobs.values()) {
            for (CasePartitions.Partition partition : partitions.of(job.id(), job.need("Partition"))) {
                rows.add(new Row(job, partition.name(), Multifactor.of(asked(job, partition, cluster), policy, scale, now).times(policy)));
            }
        }
        return rows;
    }

    private long highestAssociation() {
        return tree.tree().associations().stream().map(association -> association.priority()).mapToLong(priority -> priority == null ? 0 : priority).max().orElse(0);
    }

    /** When the priorities were computed: at the last tick that was logged, else when the jobs were last looked at. */
    private long tick() {
        long tick = 0;
        for (JsonNode line : file.list("tick_line")) {
            Matcher stamp = STAMP.matcher(line.asText());
            if (stamp.find()) {
                tick = file.instant(stamp.group(1), "tick_line");
            }
        }
        for (CaseJob job : jobs.values()) {
            tick = tick == 0 ? job.instant("LastSchedEval") : tick;
        }
        if (tick == 0 && policy.age() != 0) {
            throw file.wrong("doesn't say when the priorities were computed: it has no time in 'tick_line' and no LastSchedEval in 'jobs'");
        }
        return tick;
    }

    private PriorityJob asked(CaseJob job, CasePartitions.Partition partition, Tres cluster) {
        String account = job.need("Account");
        AccountTree accounts = tree.tree();
        OptionalInt at = accounts.find(account, job.user());
        if (at.isEmpty()) {
            throw file.wrong("has job " + job.id() + " of " + account + "/" + job.user() + ", which is not among its associations");
        }
        return new PriorityJob(
                job.submitted(), job.accruesSince(), job.nodes(), job.cpus(), job.minutes(partitions, partition), job.tres(), cluster, tree.standings().jobFactor(at.getAsInt()), accounts.priority(at.getAsInt()),
                partition.factor(), qos(job), job.whole("SiteFactor"), job.whole("Nice"));
    }

    private long qos(CaseJob job) {
        String name = job.need("QOS");
        Long priority = NO_QOS.contains(name) ? Long.valueOf(0) : qos.get(name);
        if (priority == null) {
            throw file.wrong("has job " + job.id() + " of qos '" + name + "'; it knows " + (qos.isEmpty() ? "none" : String.join(", ", qos.keySet())));
        }
        return priority;
    }

    /**
     * Rows of {@code sprio -l}. Its heading has PARTITION twice; here that is the factor, as its neighbours are, and the name is PARTITION_NAME.
     */
    public Rows sprio() {
        Rows table = new Rows("JOBID", "PARTITION_NAME", "USER", "PRIORITY", "SITE", "AGE", "ASSOC", "FAIRSHARE", "JOBSIZE", "PARTITION", "QOS", "NICE", "TRES");
        for (Row row : points()) {
            Factors points = row.factors();
            table.add(
                    Long.toString(row.job().id()), row.partition(), row.job().user(), Long.toString((long) sum(points)), Long.toString(points.site()), whole(points.age()), whole(points.association()),
                    whole(points.fairshare()), whole(points.jobSize()), whole(points.partition()), whole(points.qos()), Long.toString(points.nice()),
                    points.tres().entrySet().stream().map(part -> part.getKey() + "=" + whole(part.getValue())).collect(Collectors.joining(",")));
        }
        return table;
    }

    /** Rows of {@code sprio -n -l}: points divided by the weight, and 0 if that is 0. */
    public Rows normalized() {
        Rows table = new Rows("JOBID", "PARTITION_NAME", "USER", "PRIORITY", "AGE", "ASSOC", "FAIRSHARE", "JOBSIZE", "PARTITION", "QOS", "TRES");
        TresWeights weights = policy.tres();
        for (Row row : points()) {
            Factors points = row.factors();
            String priority = SlurmText.fixed(sum(points) / Factors.HIGHEST, DECIMALS_OF_PRIORITY);
            table.add(
                    Long.toString(row.job().id()), row.partition(), row.job().user(), priority.substring(0, ROOM_FOR_PRIORITY), part(points.age(), policy.age()), part(points.association(), policy.association()),
                    part(points.fairshare(), policy.fairshare()), part(points.jobSize(), policy.jobSize()), part(points.partition(), policy.partition()), part(points.qos(), policy.qos()),
                    points.tres().entrySet().stream()
                            .map(part -> part.getKey() + "=" + SlurmText.fixed(SlurmText.sent(part.getValue()) / weights.byName().getOrDefault(part.getKey(), 1.0), 2))
                            .collect(Collectors.joining(",")));
        }
        return table;
    }

    /** The sum as sprio makes it: of the numbers that it was sent, in its order, at least 1 and, unlike the job's priority, without a highest. */
    private static double sum(Factors points) {
        double sum = SlurmText.sent(points.age()) + SlurmText.sent(points.association()) + SlurmText.sent(points.fairshare()) + SlurmText.sent(points.jobSize()) + SlurmText.sent(points.partition())
                + SlurmText.sent(points.qos()) + points.site() - points.nice();
        for (double value : points.tres().values()) {
            sum += SlurmText.sent(value);
        }
        return Math.max((double) Factors.LOWEST, sum);
    }

    private static String whole(double points) {
        return SlurmText.fixed(SlurmText.sent(points), 0);
    }

    private static String part(double points, long weight) {
        return SlurmText.fixed(weight == 0 ? 0 : SlurmText.sent(points) / weight, 7);
    }
}
