package dev.ferry.cli.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import dev.ferry.common.FerryException;
import dev.ferry.scheduling.priority.PriorityFlag;
import dev.ferry.scheduling.priority.PriorityPolicy;
import dev.ferry.scheduling.tres.Tres;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * How large the recorded cluster was: job size and resources count as parts of it, but sprio doesn't print it.
 *
 * <p>A case may say it: {@code "cluster": {"nodes": 1, "tres": "cpu=16,mem=16000M,gres/gpu=8"}}. Else it follows from other figures that were recorded: a job that asks for 2 CPUs and whose
 * part of the CPUs was logged as 0.125000 says that there are 16. Each figure bounds the number by its printed digits; all bounds together leave one.
 */
final class ClusterSize {
    static final String EXAMPLE = "\"cluster\": {\"nodes\": 1, \"tres\": \"cpu=16,mem=16000M,gres/gpu=8\"}";

    private static final Pattern LOGGED = Pattern.compile("Weighted TRES:(\\S+) is (\\d+\\.(\\d+)) \\*");
    private static final Pattern JOB_END = Pattern.compile("Job (\\d+) priority:");
    private static final Pattern SHORT = Pattern.compile("([A-Za-z][A-Za-z0-9/:_.-]*)=(\\d+)(?:\\.(\\d+))?(?=[,\\s]|$)");
    /** What sprio has room for: a cell so long may be cut within a number. */
    private static final int ROOM_FOR_TRES = 20;

    private final CaseFile file;
    private final CasePartitions partitions;
    private final Map<Long, CaseJob> jobs;
    private final PriorityPolicy policy;
    private final Map<String, Bounds> bounds = new HashMap<>();

    /**
     * @param jobs by id
     */
    ClusterSize(CaseFile file, CasePartitions partitions, Map<Long, CaseJob> jobs, PriorityPolicy policy) {
        this.file = file;
        this.partitions = partitions;
        this.jobs = jobs;
        this.policy = policy;
    }

    /**
     * The resources that have a weight, and the nodes and CPUs if job sizes count.
     *
     * @param points what each job's priority is with a cluster of some size, by job; of a resource that it lacks, jobs have no points
     * @throws FerryException INVALID_ARGUMENT, naming the resource, if nothing tells how much of it there was, or if what was recorded contradicts itself
     */
    Tres find(Function<Tres, Map<Long, Double>> points) {
        JsonNode said = file.node("cluster");
        Tres tres = said.isObject() ? said(said) : file.has("nodes") ? new CaseNodes(file).tres() : recorded();
        boolean sized = policy.jobSize() != 0;
        if (sized && !(tres.has(Tres.CPU) && tres.has(Tres.NODE))) {
            JobSizes sizes = new JobSizes(file, partitions, jobs, policy);
            if (!sizes.isEmpty()) {
                JobSizes.NodesAndCpus found = sizes.find(tres.get(Tres.CPU));
                tres = tres.with(Tres.NODE, found.nodes()).with(Tres.CPU, found.cpus());
            } else if (tres.has(Tres.CPU)) {
                tres = tres.with(Tres.NODE, 1);
            }
        }
        if (!tres.has(Tres.CPU) && (sized || missing(tres).contains(Tres.CPU))) {
            return new SizeByPriorities(jobs, policy, points).search(tres).orElseThrow(() -> unknown(Tres.CPU));
        }
        Set<String> missing = missing(tres);
        if (missing.isEmpty()) {
            return tres;
        }
        return new SizeByPriorities(jobs, policy, points).complete(tres, missing, bounds).orElseThrow(() -> unknown(missing.iterator().next()));
    }

    private Set<String> missing(Tres tres) {
        return SizeByPriorities.missing(tres, jobs, policy);
    }

    private Tres said(JsonNode cluster) {
        Tres tres = file.tres(file.text(cluster, "tres", "cluster"), "a cluster with a tres");
        Tres all = cluster.has("nodes") ? tres.with(Tres.NODE, file.whole(cluster, "nodes", "cluster")) : tres;
        for (String name : new String[] {Tres.CPU, Tres.NODE}) {
            if (all.has(name) && all.get(name) < 1) {
                throw file.wrong("has a cluster with " + name + "=0; it must be 1 or more");
            }
        }
        return all;
    }

    private Tres recorded() {
        if (policy.flags().contains(PriorityFlag.NO_NORMAL_TRES)) {
            return Tres.NOTHING;
        }
        readLog();
        for (String line : file.rows("sprio_normalised")) {
            readCells(line, null);
        }
        for (String line : file.rows("sprio_l")) {
            readCells(line, policy.tres().byName());
        }
        Map<String, Long> found = new LinkedHashMap<>();
        bounds.forEach((name, range) -> found.put(name, whole(name, range)));
        found.values().removeIf(count -> count == 0);
        return Tres.of(found);
    }

    private long whole(String name, Bounds range) {
        if (range.isEmpty()) {
            throw file.wrong("has figures that contradict each other about how much " + name + " the cluster had; say it: " + EXAMPLE);
        }
        return range.whole();
    }

    private FerryException unknown(String name) {
        return file.wrong("tells nowhere how large the cluster was (how much " + name + " it had); add for example " + EXAMPLE);
    }

    private void readLog() {
        Map<String, double[]> pending = new HashMap<>();
        for (JsonNode line : file.list("priority_log")) {
            Matcher part = LOGGED.matcher(line.asText());
            Matcher end = JOB_END.matcher(line.asText());
            if (part.find()) {
                pending.put(part.group(1).toLowerCase(Locale.ROOT), new double[] {Double.parseDouble(part.group(2)), half(part.group(3).length())});
            } else if (end.find()) {
                long job = Long.parseLong(end.group(1));
                pending.forEach((name, printed) -> narrow(job, name, printed[0] - printed[1], printed[0] + printed[1]));
                pending.clear();
            }
        }
    }

    /**
     * The last column of sprio: resource=number, separated by commas.
     *
     * @param weights by which the numbers were multiplied; null for those that weren't
     */
    private void readCells(String line, @Nullable Map<String, Double> weights) {
        String[] columns = line.split("\\s+");
        String cell = columns[columns.length - 1];
        Matcher part = SHORT.matcher(cell.length() == ROOM_FOR_TRES ? cell.substring(0, cell.lastIndexOf(',') + 1) : cell);
        while (part.find()) {
            String decimals = part.group(3);
            double half = half(decimals == null ? 0 : decimals.length());
            double printed = Double.parseDouble(part.group(2) + (decimals == null ? "" : "." + decimals));
            double weight = weights == null ? 1 : weights.getOrDefault(part.group(1), 0.0);
            if (weight > 0) {
                narrow(Long.parseLong(columns[0]), part.group(1), (printed - half) / weight, (printed + half) / weight);
            }
        }
    }

    private static double half(int decimals) {
        return 0.5 * Math.pow(10, -decimals);
    }

    private void narrow(long job, String name, double fromPart, double toPart) {
        CaseJob asked = jobs.get(job);
        if (asked == null || asked.tres().get(name) == 0 || toPart <= 0) {
            return;
        }
        double amount = (double) asked.tres().get(name);
        bounds.merge(name, Bounds.ALL.and(amount / toPart, fromPart <= 0 ? Double.POSITIVE_INFINITY : amount / fromPart), (known, more) -> known.and(more.low(), more.high()));
    }
}
