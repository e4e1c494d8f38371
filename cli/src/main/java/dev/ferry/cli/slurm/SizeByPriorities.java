package dev.ferry.cli.slurm;

import dev.ferry.scheduling.priority.Factors;
import dev.ferry.scheduling.priority.PriorityFlag;
import dev.ferry.scheduling.priority.PriorityPolicy;
import dev.ferry.scheduling.tres.Tres;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;

/** How large the recorded cluster was, from what the jobs' recorded priorities lack: whole numbers, so that each bounds what is missing to one point. */
final class SizeByPriorities {
    private static final long MOST_CPUS = 4096;
    /** A priority is the whole part of a sum, and sums may differ in their last bits. */
    private static final double ROUNDING = 1e-6;

    private final Map<Long, CaseJob> jobs;
    private final PriorityPolicy policy;
    private final Function<Tres, Map<Long, Double>> points;

    SizeByPriorities(Map<Long, CaseJob> jobs, PriorityPolicy policy, Function<Tres, Map<Long, Double>> points) {
        this.jobs = jobs;
        this.policy = policy;
        this.points = points;
    }

    /** Resources of which jobs ask for parts that count, and of which it is not known how much there was, in Slurm's order. */
    static Set<String> missing(Tres cluster, Map<Long, CaseJob> jobs, PriorityPolicy policy) {
        Set<String> missing = new TreeSet<>(Tres.ORDER);
        if (!policy.flags().contains(PriorityFlag.NO_NORMAL_TRES)) {
            policy.tres().byName().forEach((name, weight) -> {
                if (weight != 0 && !cluster.has(name) && jobs.values().stream().anyMatch(job -> job.tres().get(name) > 0)) {
                    missing.add(name);
                }
            });
        }
        return missing;
    }

    /**
     * The smallest node with which every job has its recorded priority; empty if there is none.
     *
     * @param known what is known of it, but not its CPUs
     */
    Optional<Tres> search(Tres known) {
        if (jobs.values().stream().noneMatch(CaseJob::hasPriority)) {
            return Optional.empty();
        }
        for (long cpus = Math.max(1, jobs.values().stream().mapToLong(CaseJob::cpus).max().orElse(1)); cpus <= MOST_CPUS; cpus++) {
            Tres node = known.with(Tres.NODE, 1).with(Tres.CPU, cpus);
            Optional<Tres> whole = complete(node, missing(node, jobs, policy), Map.of()).filter(this::explains);
            if (whole.isPresent()) {
                return whole;
            }
        }
        return Optional.empty();
    }

    private boolean explains(Tres cluster) {
        Map<Long, Double> sums = points.apply(cluster);
        return jobs.values().stream().filter(CaseJob::hasPriority).allMatch(job -> {
            double lacks = job.priority() - Math.max((double) Factors.LOWEST, sums.getOrDefault(job.id(), 0.0));
            return lacks <= ROUNDING && lacks > -1 - ROUNDING;
        });
    }

    /**
     * Adds the resources that are missing, one after the other, each from the jobs that ask for no other that is missing.
     *
     * @param bounds what else is known of them
     * @return empty if that can't be told of one, or if priorities contradict each other
     */
    Optional<Tres> complete(Tres cluster, Set<String> missing, Map<String, Bounds> bounds) {
        Tres found = cluster;
        Set<String> left = new TreeSet<>(missing);
        while (!left.isEmpty()) {
            String next = null;
            for (String name : left) {
                Bounds range = bounds(found, name, left).and(bounds.getOrDefault(name, Bounds.ALL));
                if (range.isEmpty()) {
                    return Optional.empty();
                }
                if (range.whole() > 0) {
                    found = found.with(name, range.whole());
                    next = name;
                    break;
                }
            }
            if (next == null) {
                return Optional.empty();
            }
            left.remove(next);
        }
        return Optional.of(found);
    }

    private Bounds bounds(Tres cluster, String name, Set<String> missing) {
        double weight = policy.tres().byName().getOrDefault(name, 0.0);
        Bounds range = Bounds.ALL;
        if (weight <= 0) {
            return range;
        }
        Map<Long, Double> sums = points.apply(cluster);
        for (CaseJob job : jobs.values()) {
            double asked = (double) job.tres().get(name);
            if (asked > 0 && job.hasPriority() && missing.stream().noneMatch(other -> !other.equals(name) && job.tres().get(other) > 0)) {
                double lacks = job.priority() - sums.getOrDefault(job.id(), 0.0);
                // The lowest priority may have been raised to that, and one that is lower than it can be was set by hand.
                if (job.priority() > Factors.LOWEST && lacks > -1) {
                    range = range.and(asked * weight / (lacks + 1), lacks <= 0 ? Double.POSITIVE_INFINITY : asked * weight / lacks);
                }
            }
        }
        return range;
    }
}
