package dev.ferry.cli.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.priority.Factors;
import dev.ferry.scheduling.priority.Multifactor;
import dev.ferry.scheduling.priority.PriorityFlag;
import dev.ferry.scheduling.priority.PriorityJob;
import dev.ferry.scheduling.priority.PriorityPolicy;
import dev.ferry.scheduling.priority.PriorityScale;
import dev.ferry.scheduling.tres.Tres;
import dev.ferry.scheduling.tres.TresWeights;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** The waiting jobs of a case and their priorities: {@code sprio -l}. */
public final class CasePriority {
    private static final Pattern STAMP = Pattern.compile("\\[(\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d)");
    private static final String NO_LIMIT = "UNLIMITED";
    private static final Factors NO_POINTS = new Factors(0, 0, 0, 0, 0, 0, new TreeMap<>(), 0, 0);

    private final CaseFile file;
    private final CaseTree tree;
    private final Map<String, Long> qos = new LinkedHashMap<>();
    private final Map<String, Long> partitions = new LinkedHashMap<>();
    private final SortedMap<Long, Map<String, String>> jobs = new TreeMap<>();
    private final PriorityPolicy policy;

    public CasePriority(CaseFile file, CaseTree tree) {
        this.file = file;
        this.tree = tree;
        file.list("qos").forEach(row -> qos.put(file.text(row, "Name", "a qos"), file.whole(row, "Priority", "qos " + row.path("Name").asText())));
        file.list("partitions")
                .forEach(
                        line -> {
                            Map<String, String> partition = CaseFile.pairs(line.asText());
                            String name = partition.getOrDefault("PartitionName", "");
                            partitions.put(name, file.whole(partition.getOrDefault("PriorityJobFactor", "1"), "partition " + name + "'s PriorityJobFactor"));
                        });
        file.node("jobs")
                .properties()
                .forEach(
                        job -> {
                            Map<String, String> fields = CaseFile.pairs(job.getValue().asText());
                            if (fields.getOrDefault("JobState", "PENDING").equals("PENDING") && !fields.getOrDefault("Priority", "1").equals("0")) {
                                jobs.put(file.whole(job.getKey(), "a job's id"), fields);
                            }
                        });
        policy = policy();
    }

    private PriorityPolicy policy() {
        return new PriorityPolicy(
                weight("Age"), weight("Assoc"), weight("FairShare"), weight("JobSize"), weight("Partition"), weight("QOS"), TresWeights.parse(file.config("PriorityWeightTRES", "")),
                Math.max(1, file.maxAge()), file.config("PriorityFavorSmall", "No").equalsIgnoreCase("yes"), flags());
    }

    private long weight(String of) {
        return file.whole(file.config("PriorityWeight" + of, "0"), "PriorityWeight" + of);
    }

    private Set<PriorityFlag> flags() {
        Set<String> words = file.flags();
        Set<PriorityFlag> flags = EnumSet.noneOf(PriorityFlag.class);
        for (PriorityFlag flag : PriorityFlag.values()) {
            if (words.contains(flag.name()) || words.contains("NO_NORMAL_ALL") && flag.name().startsWith("NO_NORMAL_")) {
                flags.add(flag);
            }
        }
        return flags;
    }

    /** Points and priority of each waiting job, by job. */
    private SortedMap<Long, Factors> factors() {
        SortedMap<Long, Factors> factors = new TreeMap<>();
        if (jobs.isEmpty()) {
            return factors;
        }
        Map<Long, Tres> asked = new LinkedHashMap<>();
        jobs.forEach((id, job) -> asked.put(id, tres(id, job)));
        // Whatever else is wrong with a job is told before the size of the cluster is looked for.
        jobs.forEach((id, job) -> job(id, job, Tres.NOTHING, Tres.NOTHING));
        ClusterSize size = new ClusterSize(file, asked);
        Tres cluster = size.find(policy.tres());
        for (String name : policy.tres().byName().keySet()) {
            if (!cluster.has(name) && asked.values().stream().anyMatch(tres -> tres.get(name) > 0)) {
                cluster = cluster.with(name, size.find(name, missing(name, factors(asked, cluster))));
            }
        }
        return factors(asked, cluster);
    }

    private SortedMap<Long, Factors> factors(Map<Long, Tres> asked, Tres cluster) {
        PriorityScale scale = new PriorityScale(cluster.get(Tres.NODE), cluster.get(Tres.CPU), highestAssociation(), Math.max(1, highest(partitions)), highest(qos));
        long now = tick();
        SortedMap<Long, Factors> factors = new TreeMap<>();
        jobs.forEach((id, job) -> factors.put(id, Multifactor.of(job(id, job, asked.getOrDefault(id, Tres.NOTHING), cluster), policy, scale, now)));
        return factors;
    }

    /** By job, between which bounds its part of a resource lies, if that is all that its recorded priority lacks. */
    private Map<Long, double[]> missing(String name, SortedMap<Long, Factors> without) {
        double weight = policy.tres().byName().getOrDefault(name, 0.0);
        Map<Long, double[]> parts = new LinkedHashMap<>();
        jobs.forEach(
                (id, job) -> {
                    if (weight > 0 && job.containsKey("Priority")) {
                        double points = file.whole(need(id, job, "Priority"), "job " + id + "'s Priority") - without.getOrDefault(id, NO_POINTS).times(policy).points();
                        parts.put(id, new double[] {points / weight, (points + 1) / weight});
                    }
                });
        return parts;
    }

    private static long highest(Map<String, Long> priorities) {
        return priorities.values().stream().mapToLong(Long::longValue).max().orElse(0);
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
                tick = SlurmText.instant(stamp.group(1), "tick_line");
            }
        }
        for (Map<String, String> job : jobs.values()) {
            String evaluated = job.getOrDefault("LastSchedEval", "Unknown");
            if (tick == 0 && STAMP.matcher("[" + evaluated).find()) {
                tick = SlurmText.instant(evaluated, "LastSchedEval");
            }
        }
        if (tick == 0) {
            throw file.wrong("doesn't say when the priorities were computed: it has no time in 'tick_line' and no LastSchedEval in 'jobs'");
        }
        return tick;
    }

    private Tres tres(long id, Map<String, String> job) {
        return Tres.parse(need(id, job, job.containsKey("ReqTRES") ? "ReqTRES" : "TRES"));
    }

    private String need(long id, Map<String, String> job, String key) {
        String value = job.get(key);
        if (value == null) {
            throw file.wrong("has job " + id + " without " + key);
        }
        return value;
    }

    private PriorityJob job(long id, Map<String, String> job, Tres tres, Tres cluster) {
        String account = need(id, job, "Account");
        String user = user(id, job);
        AccountTree accounts = tree.tree();
        OptionalInt at = accounts.find(account, user);
        if (at.isEmpty()) {
            throw file.wrong("has job " + id + " of " + account + "/" + user + ", which is not among its associations");
        }
        return new PriorityJob(
                instant(job, "SubmitTime"),
                instant(job, job.containsKey("AccrueTime") ? "AccrueTime" : "EligibleTime"),
                first(job.getOrDefault("NumNodes", "1"), "NumNodes"),
                first(job.getOrDefault("NumCPUs", Long.toString(tres.get(Tres.CPU))), "NumCPUs"),
                minutes(job.getOrDefault("TimeLimit", NO_LIMIT)),
                tres,
                cluster,
                tree.standings().jobFactor(at.getAsInt()),
                accounts.priority(at.getAsInt()),
                named(partitions, need(id, job, "Partition"), "partition", id),
                named(qos, need(id, job, "QOS"), "qos", id),
                file.whole(job.getOrDefault("SiteFactor", "0"), "SiteFactor"),
                file.whole(job.getOrDefault("Nice", "0"), "Nice"));
    }

    /** A range such as 1-4 counts with its lower end. */
    private long first(String range, String where) {
        return file.whole(range.replaceFirst("-.*", ""), where);
    }

    private long named(Map<String, Long> priorities, String name, String kind, long id) {
        Long priority = priorities.get(name);
        if (priority == null) {
            throw file.wrong("has job " + id + " of " + kind + " '" + name + "'; it knows " + priorities.keySet().stream().collect(Collectors.joining(", ")));
        }
        return priority;
    }

    private static long instant(Map<String, String> job, String key) {
        String text = job.getOrDefault(key, "Unknown");
        return Character.isDigit(text.isEmpty() ? 'N' : text.charAt(0)) ? SlurmText.instant(text, key) : 0;
    }

    private static long minutes(String limit) {
        return Character.isDigit(limit.charAt(0)) ? Math.max(1, SlurmText.span(limit, "TimeLimit") / 60) : PriorityJob.UNLIMITED;
    }

    private String user(long id, Map<String, String> job) {
        return need(id, job, "UserId").replaceFirst("\\(.*", "");
    }

    /**
     * Rows of {@code sprio -l}. Its heading has PARTITION twice; here that is the factor, as its neighbours are, and the name is PARTITION_NAME.
     */
    public Rows sprio() {
        Rows table = new Rows("JOBID", "PARTITION_NAME", "USER", "PRIORITY", "SITE", "AGE", "ASSOC", "FAIRSHARE", "JOBSIZE", "PARTITION", "QOS", "NICE", "TRES");
        factors()
                .forEach(
                        (id, factors) -> {
                            Map<String, String> job = jobs.getOrDefault(id, Map.of());
                            Factors points = factors.times(policy);
                            table.add(
                                    Long.toString(id), need(id, job, "Partition"), user(id, job), Long.toString(points.priority()), Long.toString(points.site()), whole(points.age()), whole(points.association()),
                                    whole(points.fairshare()), whole(points.jobSize()), whole(points.partition()), whole(points.qos()), Long.toString(points.nice()), tres(points, 0));
                        });
        return table;
    }

    /** Rows of {@code sprio -n -l}: each factor before it is weighted. */
    public Rows normalized() {
        Rows table = new Rows("JOBID", "PARTITION_NAME", "USER", "PRIORITY", "AGE", "ASSOC", "FAIRSHARE", "JOBSIZE", "PARTITION", "QOS", "TRES");
        factors()
                .forEach(
                        (id, factors) -> {
                            Map<String, String> job = jobs.getOrDefault(id, Map.of());
                            // sprio writes ten digits of this one and has room for eight.
                            String priority = SlurmText.fixed((double) factors.times(policy).priority() / Factors.HIGHEST, 10);
                            table.add(
                                    Long.toString(id), need(id, job, "Partition"), user(id, job), priority.substring(0, 10), part(factors.age()), part(factors.association()), part(factors.fairshare()),
                                    part(factors.jobSize()), part(factors.partition()), part(factors.qos()), tres(factors, 2));
                        });
        return table;
    }

    private static String whole(double points) {
        return SlurmText.fixed(SlurmText.sent(points), 0);
    }

    private static String part(double factor) {
        return SlurmText.fixed(factor, 7);
    }

    private static String tres(Factors factors, int decimals) {
        return factors.tres().entrySet().stream().map(part -> part.getKey() + "=" + SlurmText.fixed(SlurmText.sent(part.getValue()), decimals)).collect(Collectors.joining(","));
    }
}
