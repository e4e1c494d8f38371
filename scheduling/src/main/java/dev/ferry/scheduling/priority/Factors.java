package dev.ferry.scheduling.priority;

import dev.ferry.scheduling.tres.Tres;
import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The parts of a job's priority: before weighting each 0 to 1, after it points.
 *
 * @param tres by resource, in Slurm's order; those that are 0 are left out
 * @param site points, in both forms
 * @param nice points taken off, in both forms
 */
public record Factors(double age, double association, double fairshare, double jobSize, double partition, double qos, SortedMap<String, Double> tres, long site, long nice) {
    /** The highest priority there is: Slurm's are 32 bits wide. */
    public static final long HIGHEST = 0xFFFF_FFFFL;

    /** The lowest of a job that isn't held. */
    public static final long LOWEST = 1;

    public Factors {
        SortedMap<String, Double> sorted = new TreeMap<>(Tres.ORDER);
        tres.forEach(
                (name, value) -> {
                    if (value != 0) {
                        sorted.put(name, value);
                    }
                });
        tres = Collections.unmodifiableSortedMap(sorted);
    }

    /** Points. */
    public Factors times(PriorityPolicy policy) {
        SortedMap<String, Double> weighted = new TreeMap<>(Tres.ORDER);
        tres.forEach((name, value) -> weighted.put(name, value * policy.tres().byName().getOrDefault(name, 0.0)));
        return new Factors(
                age * policy.age(), association * policy.association(), fairshare * policy.fairshare(), jobSize * policy.jobSize(), partition * policy.partition(), qos * policy.qos(), weighted, site, nice);
    }

    /** A job's priority: the whole part of {@link #points}, {@link #LOWEST} to {@link #HIGHEST}. */
    public long priority() {
        return (long) Math.clamp(points(), LOWEST, HIGHEST);
    }

    /** The sum. */
    public double points() {
        double sum = age + association + fairshare + jobSize + partition + qos;
        double resources = 0;
        for (double value : tres.values()) {
            resources += value;
        }
        return sum + resources + site - nice;
    }
}
