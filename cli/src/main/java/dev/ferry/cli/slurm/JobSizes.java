package dev.ferry.cli.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import dev.ferry.scheduling.priority.PriorityFlag;
import dev.ferry.scheduling.priority.PriorityJob;
import dev.ferry.scheduling.priority.PriorityPolicy;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How many nodes and CPUs the recorded cluster had, from the job sizes that were recorded: each is made of the part of the nodes and the part of the CPUs that the job asks for. */
final class JobSizes {
    private static final Pattern LOGGED = Pattern.compile("Weighted JobSize priority is (\\d+\\.(\\d+)) \\*");
    private static final Pattern JOB_END = Pattern.compile("Job (\\d+) priority:");
    private static final int NORMALIZED_COLUMN = 7;
    private static final int WEIGHTED_COLUMN = 8;
    private static final int MOST_NODES = 10_000;

    private final CaseFile file;
    private final CasePartitions partitions;
    private final Map<Long, CaseJob> jobs;
    private final PriorityPolicy policy;
    /** By job; those at an end of the scale are left out, since there they may have been cut. */
    private final Map<Long, Bounds> sizes = new HashMap<>();

    /** A number of nodes and of CPUs. */
    record NodesAndCpus(long nodes, long cpus) {}

    JobSizes(CaseFile file, CasePartitions partitions, Map<Long, CaseJob> jobs, PriorityPolicy policy) {
        this.file = file;
        this.partitions = partitions;
        this.jobs = jobs;
        this.policy = policy;
        readLog();
        for (String line : file.rows("sprio_normalised")) {
            String[] columns = line.split("\\s+");
            if (columns.length > NORMALIZED_COLUMN && columns[NORMALIZED_COLUMN].matches("\\d+\\.\\d+")) {
                add(Long.parseLong(columns[0]), Double.parseDouble(columns[NORMALIZED_COLUMN]), Math.pow(10, 2 - columns[NORMALIZED_COLUMN].length()));
            }
        }
        for (String line : file.rows("sprio_l")) {
            String[] columns = line.split("\\s+");
            if (policy.jobSize() != 0 && columns.length > WEIGHTED_COLUMN && columns[WEIGHTED_COLUMN].matches("\\d+")) {
                add(Long.parseLong(columns[0]), Double.parseDouble(columns[WEIGHTED_COLUMN]) / policy.jobSize(), 0.5 / policy.jobSize());
            }
        }
    }

    private void readLog() {
        double[] size = null;
        for (JsonNode line : file.list("priority_log")) {
            Matcher sized = LOGGED.matcher(line.asText());
            Matcher end = JOB_END.matcher(line.asText());
            if (sized.find()) {
                size = new double[] {Double.parseDouble(sized.group(1)), 0.5 * Math.pow(10, -sized.group(2).length())};
            } else if (end.find() && size != null) {
                add(Long.parseLong(end.group(1)), size[0], size[1]);
                size = null;
            }
        }
    }

    private void add(long job, double size, double off) {
        if (size > off && size < 1 - off && jobs.containsKey(job)) {
            sizes.putIfAbsent(job, new Bounds(size - off, size + off));
        }
    }

    /** Whether anything is known. */
    boolean isEmpty() {
        return sizes.isEmpty();
    }

    /**
     * The smallest cluster with which all sizes are what was recorded.
     *
     * @param cpus its CPUs; 0 if they aren't known either
     * @throws dev.ferry.common.FerryException INVALID_ARGUMENT if there is none
     */
    NodesAndCpus find(long cpus) {
        for (long nodes = 1; nodes <= MOST_NODES; nodes++) {
            Bounds fitting = cpus(nodes);
            // Where no size depends on the CPUs, any number of them will do with which no job asks for more than there is.
            long enough = Math.max(jobs.values().stream().mapToLong(CaseJob::cpus).max().orElse(1), (long) Math.ceil(fitting.low()));
            long whole = cpus != 0 ? cpus : fitting.high() == Double.POSITIVE_INFINITY ? enough : fitting.whole();
            if (!fitting.isEmpty() && whole > 0 && fitting.contains((double) whole)) {
                return new NodesAndCpus(nodes, whole);
            }
        }
        throw file.wrong("has job sizes that contradict each other about how many nodes and CPUs the cluster had; say it: " + ClusterSize.EXAMPLE);
    }

    /** How many CPUs there can be, if there are so many nodes. */
    private Bounds cpus(long nodes) {
        Bounds found = Bounds.ALL;
        for (Map.Entry<Long, Bounds> size : sizes.entrySet()) {
            CaseJob job = jobs.get(size.getKey());
            if (job != null) {
                Bounds large = policy.favorSmall() ? new Bounds(1 - size.getValue().high(), 1 - size.getValue().low()) : size.getValue();
                Bounds fitting = policy.flags().contains(PriorityFlag.SMALL_RELATIVE_TO_TIME) ? relative(job, large, nodes) : absolute(job, large, nodes);
                found = found.and(fitting.low(), fitting.high());
            }
        }
        return found;
    }

    /** The mean of both parts. */
    private static Bounds absolute(CaseJob job, Bounds size, long nodes) {
        double ofNodes = Math.min(1, (double) job.nodes() / nodes);
        if (job.cpus() == 0) {
            return size.contains(ofNodes) ? Bounds.ALL : new Bounds(1, 0);
        }
        return cpus(job, 2 * size.low() - ofNodes, 2 * size.high() - ofNodes);
    }

    /** The larger part for each minute. Of a job without a time limit too few digits are left to tell anything. */
    private Bounds relative(CaseJob job, Bounds size, long nodes) {
        long minutes = job.minutes(partitions, partitions.of(job.id(), job.need("Partition")).getFirst());
        if (minutes == PriorityJob.UNLIMITED) {
            return Bounds.ALL;
        }
        double ofNodes = (double) job.nodes() / nodes;
        Bounds larger = new Bounds(size.low() * minutes, size.high() * minutes);
        if (ofNodes > larger.high()) {
            return new Bounds(1, 0);
        }
        return cpus(job, ofNodes < larger.low() ? larger.low() : 0, larger.high());
    }

    private static Bounds cpus(CaseJob job, double lowestPart, double highestPart) {
        if (highestPart <= 0) {
            return new Bounds(1, 0);
        }
        return new Bounds(job.cpus() / highestPart, lowestPart <= 0 ? Double.POSITIVE_INFINITY : job.cpus() / lowestPart);
    }
}
