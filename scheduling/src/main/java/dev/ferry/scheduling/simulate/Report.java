package dev.ferry.scheduling.simulate;

import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * What a simulation came to. Hours are size (GPUs, or CPUs in a cluster without any) times time.
 *
 * @param name of the policy
 * @param jobs that ended
 * @param seconds from the first submission to the last end
 * @param lostHours work that was done twice because it was not saved
 * @param movingHours that went into saving and bringing back
 * @param preemptions of jobs
 * @param moves of jobs to other nodes, so that others find room; their accounts lose nothing
 * @param mostHitsInAnHour preemptions and moves of one job
 * @param unmetShare what accounts were due, and had jobs waiting for, but did not hold, as a part of what was due
 * @param utilisation part of the cluster that worked until the last submission
 * @param meanWait seconds until the first start
 * @param meanCompletion seconds from submission to end
 * @param unmetBy the unmet share by what it is due to; empty: not looked for
 * @param samples over time, for plots
 */
public record Report(
        String name, int jobs, long seconds, double lostHours, double movingHours, int preemptions, int moves, int mostHitsInAnHour, double unmetShare, double utilisation, double meanWait, double meanCompletion, Map<UnmetCause, Double> unmetBy, List<Sample> samples) {
    public Report {
        unmetBy = Collections.unmodifiableMap(unmetBy.isEmpty() ? Map.of() : new EnumMap<>(unmetBy));
        samples = List.copyOf(samples);
    }

    /**
     * How it stood at one time.
     *
     * @param at seconds since the first submission
     * @param holds by account position
     */
    public record Sample(long at, double[] holds, int waiting, int preemptions) {}
}
