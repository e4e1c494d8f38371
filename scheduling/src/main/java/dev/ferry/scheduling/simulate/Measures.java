package dev.ferry.scheduling.simulate;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What is measured while a trace is played. */
final class Measures {
    private static final double HOUR = 3600;
    private static final double NOTHING = 1e-6;

    private final long first;
    private final long lastSubmission;
    private final double capacity;
    private final boolean inGpus;
    private final List<Report.Sample> samples = new ArrayList<>();
    private final Map<UnmetCause, Double> causes = new EnumMap<>(UnmetCause.class);
    private final Map<UnmetCause, Double> unmetBy = new EnumMap<>(UnmetCause.class);
    private long now;
    private long lastEnd;
    private double unmetNow;
    private double dueNow;
    private double unmet;
    private double due;
    private double worked;
    private double lost;
    private double moving;
    private int preemptions;
    private int moves;
    private int mostHits;
    private int ended;
    private double waits;
    private double completions;

    Measures(long first, long lastSubmission, double capacity, boolean inGpus) {
        this.first = first;
        this.lastSubmission = lastSubmission;
        this.capacity = capacity;
        this.inGpus = inGpus;
        now = first;
    }

    long first() {
        return first;
    }

    /** Counts the time until then as it stood since. */
    void advance(long to, Set<SimulatedRun> running) {
        long until = Math.min(to, lastSubmission);
        if (until > now) {
            for (SimulatedRun run : running) {
                worked += run.size() * Math.max(0, until - Math.max(now, run.worksSince()));
            }
            unmet += unmetNow * (until - now);
            due += dueNow * (until - now);
            long seconds = until - now;
            causes.forEach((cause, size) -> unmetBy.merge(cause, size * seconds, Double::sum));
        }
        now = to;
    }

    /**
     * What each account lacks of its due, so far as whole jobs of it wait that fit into that.
     *
     * @return those jobs
     */
    List<SimulatedRun> stands(double[] dues, double[] holds, Set<SimulatedRun> waiting) {
        List<SimulatedRun> lacking = new ArrayList<>();
        double[] lacks = new double[dues.length];
        dueNow = 0;
        // Only positions that hold or ask for something have a due of their own; accounts above repeat it.
        for (int at = 0; at < dues.length; at++) {
            lacks[at] = dues[at] - holds[at];
        }
        Map<Integer, Double> counted = new HashMap<>();
        unmetNow = 0;
        for (SimulatedRun run : waiting) {
            int account = run.job().account();
            counted.putIfAbsent(account, dues[account]);
            if (run.size() <= lacks[account] + NOTHING) {
                lacks[account] -= run.size();
                unmetNow += run.size();
                lacking.add(run);
            }
        }
        for (int at = 0; at < holds.length; at++) {
            if (holds[at] > 0) {
                counted.putIfAbsent(at, dues[at]);
            }
        }
        dueNow = counted.values().stream().mapToDouble(Double::doubleValue).sum();
        causes.clear();
        return lacking;
    }

    /** Why a job that {@link #stands} returned waits, from now on. */
    void cause(UnmetCause cause, double size) {
        causes.merge(cause, size, Double::sum);
    }

    void sample(long at, double[] holds, int waiting) {
        samples.add(new Report.Sample(at - first, holds.clone(), waiting, preemptions));
    }

    void lost(double work) {
        lost += work;
    }

    void moving(double work) {
        moving += work;
    }

    void preempted() {
        preemptions++;
    }

    void moved() {
        moves++;
    }

    /** Preempted or moved. */
    void hit(SimulatedRun run, long at) {
        mostHits = Math.max(mostHits, (int) run.hitTimes().stream().filter(time -> time > at - HOUR).count());
    }

    void ended(SimulatedRun run, long at) {
        ended++;
        lastEnd = Math.max(lastEnd, at);
        waits += run.firstStart() - run.job().submitted();
        completions += at - run.job().submitted();
    }

    Report report(String name) {
        double time = Math.max(1, lastSubmission - first);
        unmetBy.replaceAll((cause, work) -> work / Math.max(NOTHING, due));
        return new Report(
                name, ended, lastEnd - first, lost / HOUR, moving / HOUR, preemptions, moves, mostHits, due == 0 ? 0 : unmet / due, worked / (capacity * time), ended == 0 ? 0 : waits / ended, ended == 0 ? 0 : completions / ended,
                unmetBy, samples);
    }
}
