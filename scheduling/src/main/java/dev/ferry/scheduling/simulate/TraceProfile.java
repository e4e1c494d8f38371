package dev.ferry.scheduling.simulate;

import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What the jobs of a cluster are like, in numbers that were fitted to published figures. {@code TraceGeneratorTest} compares what is drawn with those figures; docs/scheduling.md says where they are from.
 *
 * @param sizes parts of the jobs by the GPUs that they ask for
 * @param outcomes parts of the jobs by how they end
 * @param median run time in seconds of a job on one GPU that passes; run times are log-normal
 * @param spread standard deviation of the logarithm of run times of one size and outcome
 * @param growth run times grow with the GPUs to the power of this
 * @param longer how many times as long jobs of an outcome run; 1 if it is not named
 * @param longest seconds; longer run times are cut
 * @param partsOfADay submissions in equal parts of a day from midnight on, of any sum
 * @param weekend submissions on a Saturday or Sunday as a part of those on another day; traces begin on a Monday
 * @param batch mean number of jobs of one size that a user submits together; it is geometric
 * @param batchSeconds in which they come
 * @param users how many there are
 * @param userSpread standard deviation of the logarithm of how often users submit
 * @param accounts shares by account; each user is in one, at random by shares
 */
public record TraceProfile(
        Map<Integer, Double> sizes, Map<Outcome, Double> outcomes, double median, double spread, double growth, Map<Outcome, Double> longer, double longest, List<Double> partsOfADay, double weekend, double batch, double batchSeconds, int users, double userSpread,
        Map<String, Integer> accounts) {
    /** How a job ends. Each is played to that end: it runs as long as it ran. */
    public enum Outcome {
        PASSED,
        KILLED,
        FAILED
    }

    /** Keeps orders, by which the same seed draws the same. */
    public TraceProfile {
        sizes = Collections.unmodifiableMap(new TreeMap<>(sizes));
        outcomes = Collections.unmodifiableMap(new EnumMap<>(outcomes));
        longer = Collections.unmodifiableMap(new EnumMap<>(longer));
        partsOfADay = List.copyOf(partsOfADay);
        accounts = Collections.unmodifiableMap(new LinkedHashMap<>(accounts));
    }

    /**
     * Microsoft's Philly. Median, spread, growth and the two factors solve five equations: median and mean run time, GPU time of a job, and the parts of it that go to jobs that were killed and that failed.
     */
    public static TraceProfile philly() {
        // 70, 10, 15 and 5 %; the 5 % are spread over 8 to 128 GPUs so that the mean is 1.928.
        Map<Integer, Double> sizes = Map.of(1, 0.70, 2, 0.10, 4, 0.15, 8, 0.048, 16, 0.0016, 32, 0.0003, 64, 0.00007, 128, 0.00003);
        Map<Outcome, Double> outcomes = Map.of(Outcome.PASSED, 0.604, Outcome.KILLED, 0.090, Outcome.FAILED, 0.306);
        Map<Outcome, Double> longer = Map.of(Outcome.KILLED, 8.072, Outcome.FAILED, 2.607);
        Map<String, Integer> accounts = new LinkedHashMap<>();
        int[] nodes = {64, 64, 64, 32, 32, 32, 16, 16, 16, 8, 8};
        for (int at = 0; at < nodes.length; at++) {
            accounts.put("vc" + (at + 1), nodes[at]);
        }
        return new TraceProfile(sizes, outcomes, 393.4, 2.3114, 0.8719, longer, 4_240_676, List.of(9.0, 1.2, 21.1, 21.9, 24.2, 22.6), 0.57, 2.3, 300, 300, 1.9, accounts);
    }
}
