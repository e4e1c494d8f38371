package dev.ferry.scheduling.simulate;

import dev.ferry.scheduling.pass.Demand;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;

/**
 * Makes up traces, the same for the same seed: most jobs are small and short, a few large and long hold most of the time, as in the clusters whose traces were published (Philly, Helios, PAI). Run times are
 * log-normal; submissions follow the hours of the day; accounts submit unequal amounts, in bursts.
 */
public final class TraceGenerator {
    private static final int[] GPUS = {1, 2, 4, 8, 16, 32};
    private static final double[] OF_GPUS = {0.70, 0.10, 0.09, 0.08, 0.02, 0.01};
    private static final int GPUS_OF_A_NODE = 8;
    private static final double SPREAD_OF_SECONDS = 1.8;
    private static final double LONGEST_OVER_MEDIAN = 200;
    private static final long CPUS_FOR_A_GPU = 4000;
    private static final long MEMORY_FOR_A_GPU = 32_768;
    private static final double DAY = 86_400;

    private TraceGenerator() {}

    /**
     * @param accounts positions of those who submit
     * @param seconds in which jobs are submitted
     * @param capacity GPUs of the cluster
     * @param load all work as a part of what the cluster could do in that time
     */
    public static List<SimulatedJob> make(long seed, int jobs, int[] accounts, long seconds, double capacity, double load) {
        Random random = new Random(seed);
        double[] weights = new double[jobs];
        int[] sizes = new int[jobs];
        double sum = 0;
        for (int at = 0; at < jobs; at++) {
            sizes[at] = size(random.nextDouble());
            weights[at] = Math.min(Math.exp(SPREAD_OF_SECONDS * random.nextGaussian()), LONGEST_OVER_MEDIAN);
            sum += weights[at] * sizes[at];
        }
        double scale = load * capacity * seconds / Math.max(1, sum);
        List<SimulatedJob> trace = new ArrayList<>(jobs);
        for (int at = 0; at < jobs; at++) {
            long submitted = submission(random, seconds);
            int account = accounts[pick(random, accounts.length, submitted)];
            int nodes = Math.max(1, sizes[at] / GPUS_OF_A_NODE);
            int each = sizes[at] / nodes;
            Demand demand = new Demand(nodes, CPUS_FOR_A_GPU * each, MEMORY_FOR_A_GPU * each, each, 0);
            trace.add(new SimulatedJob(at + 1, account, submitted, Math.max(10, Math.round(weights[at] * scale)), demand));
        }
        trace.sort(Comparator.comparingLong(SimulatedJob::submitted).thenComparingLong(SimulatedJob::id));
        return trace;
    }

    private static int size(double chance) {
        double left = chance;
        for (int at = 0; at < GPUS.length; at++) {
            left -= OF_GPUS[at];
            if (left < 0) {
                return GPUS[at];
            }
        }
        return 1;
    }

    /** Twice as many by day as by night. */
    private static long submission(Random random, long seconds) {
        while (true) {
            long at = (long) (random.nextDouble() * seconds);
            if (random.nextDouble() < (1.5 + 0.5 * Math.sin(2 * Math.PI * at / DAY)) / 2) {
                return at;
            }
        }
    }

    /** Each account has its busy part of the day, so that some have less than their due while others fill the cluster. */
    private static int pick(Random random, int accounts, long at) {
        while (true) {
            int account = random.nextInt(accounts);
            double phase = 2 * Math.PI * (at / DAY * 3 + (double) account / accounts);
            if (random.nextDouble() < 0.1 + 0.9 * Math.max(0, Math.sin(phase))) {
                return account;
            }
        }
    }
}
