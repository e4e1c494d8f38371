package dev.ferry.scheduling.simulate;

import dev.ferry.scheduling.pass.Demand;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Random;

/** Makes up traces by a {@link TraceProfile}, the same for the same seed. */
public final class TraceGenerator {
    private static final int GPUS_OF_A_NODE = 8;
    private static final long CPUS_FOR_A_GPU = 4000;
    private static final long MEMORY_FOR_A_GPU = 32_768;
    private static final long SHORTEST = 10;
    private static final double DAY = 86_400;
    private static final int DAYS_OF_A_WEEK = 7;
    private static final int WORKING_DAYS = 5;
    private static final double MOST_SCALE = 1e6;
    private static final int HALVINGS = 60;

    private final TraceProfile profile;
    private final Random random;

    private TraceGenerator(TraceProfile profile, Random random) {
        this.profile = profile;
        this.random = random;
    }

    /**
     * Makes up jobs. All run times are multiplied by one factor, so that what could be done of them until the last second, if each job started at once, is the load: of a job that is submitted late or is
     * longer than the trace the rest does not count.
     *
     * @param accounts positions of those who submit
     * @param shares of each, by which users are in them
     * @param seconds in which jobs are submitted
     * @param capacity GPUs of the cluster
     * @param load that work as a part of what the cluster could do in that time
     */
    public static List<SimulatedJob> make(TraceProfile profile, long seed, int jobs, int[] accounts, double[] shares, long seconds, double capacity, double load) {
        List<DrawnJob> drawn = draw(profile, seed, jobs, shares, seconds);
        double scale = scale(drawn, seconds, load * capacity * seconds);
        List<SimulatedJob> trace = new ArrayList<>(jobs);
        for (DrawnJob job : drawn) {
            int nodes = Math.max(1, job.gpus() / GPUS_OF_A_NODE);
            int each = job.gpus() / nodes;
            Demand demand = new Demand(nodes, CPUS_FOR_A_GPU * each, MEMORY_FOR_A_GPU * each, each, 0);
            trace.add(new SimulatedJob(trace.size() + 1L, accounts[job.account()], job.submitted(), Math.max(SHORTEST, Math.round(job.seconds() * scale)), demand));
        }
        return trace;
    }

    /** By what run times are multiplied so that the work that could be done in the time is so much: it grows with the factor, which is found by halving. */
    private static double scale(List<DrawnJob> jobs, long seconds, double work) {
        double low = 0;
        double high = MOST_SCALE;
        for (int round = 0; round < HALVINGS; round++) {
            double scale = (low + high) / 2;
            double could = jobs.stream().mapToDouble(job -> job.gpus() * Math.min(job.seconds() * scale, seconds - job.submitted())).sum();
            if (could < work) {
                low = scale;
            } else {
                high = scale;
            }
        }
        return high;
    }

    /** Jobs with run times as published, by when they are submitted. */
    static List<DrawnJob> draw(TraceProfile profile, long seed, int jobs, double[] shares, long seconds) {
        return new TraceGenerator(profile, new Random(seed)).draw(jobs, shares, seconds);
    }

    private List<DrawnJob> draw(int count, double[] shares, long seconds) {
        double[] users = new double[profile.users()];
        int[] accountOf = new int[users.length];
        for (int user = 0; user < users.length; user++) {
            users[user] = Math.exp(profile.userSpread() * random.nextGaussian());
            accountOf[user] = pick(shares);
        }
        int[] gpus = profile.sizes().keySet().stream().mapToInt(Integer::intValue).toArray();
        double[] sizes = parts(profile.sizes().values());
        TraceProfile.Outcome[] ends = profile.outcomes().keySet().toArray(TraceProfile.Outcome[]::new);
        double[] outcomes = parts(profile.outcomes().values());
        List<DrawnJob> jobs = new ArrayList<>(count);
        while (jobs.size() < count) {
            long first = submission(seconds);
            int user = pick(users);
            int size = gpus[pick(sizes)];
            do {
                long submitted = Math.min(seconds - 1, first + (long) (random.nextDouble() * profile.batchSeconds()));
                TraceProfile.Outcome outcome = ends[pick(outcomes)];
                jobs.add(new DrawnJob(user, accountOf[user], submitted, seconds(size, outcome), size, outcome));
            } while (jobs.size() < count && random.nextDouble() < 1 - 1 / profile.batch());
        }
        jobs.sort(Comparator.comparingLong(DrawnJob::submitted));
        return jobs;
    }

    private double seconds(int gpus, TraceProfile.Outcome outcome) {
        double median = profile.median() * Math.pow(gpus, profile.growth()) * profile.longer().getOrDefault(outcome, 1.0);
        return Math.min(profile.longest(), median * Math.exp(profile.spread() * random.nextGaussian()));
    }

    /** By the hours of the day and the days of the week: times that come at random are taken as often as there is something to do. */
    private long submission(long seconds) {
        List<Double> parts = profile.partsOfADay();
        double most = parts.stream().mapToDouble(Double::doubleValue).max().orElseThrow();
        while (true) {
            double at = random.nextDouble() * seconds;
            double part = parts.get((int) (at % DAY / DAY * parts.size()));
            double day = (int) (at / DAY) % DAYS_OF_A_WEEK < WORKING_DAYS ? 1 : profile.weekend();
            if (random.nextDouble() < part / most * day) {
                return (long) at;
            }
        }
    }

    private static double[] parts(Collection<Double> parts) {
        return parts.stream().mapToDouble(Double::doubleValue).toArray();
    }

    /** A position, by the parts of any sum. */
    private int pick(double[] parts) {
        double left = random.nextDouble() * Arrays.stream(parts).sum();
        for (int at = 0; at < parts.length - 1; at++) {
            left -= parts[at];
            if (left < 0) {
                return at;
            }
        }
        return parts.length - 1;
    }
}
