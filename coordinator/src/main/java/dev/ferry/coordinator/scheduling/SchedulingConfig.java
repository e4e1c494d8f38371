package dev.ferry.coordinator.scheduling;

import dev.ferry.common.Configs;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.scheduling.fairshare.FairshareMethod;
import dev.ferry.scheduling.fairshare.FairsharePolicy;
import dev.ferry.scheduling.fairshare.Ties;
import dev.ferry.scheduling.pass.Packing;
import dev.ferry.scheduling.preempt.PreemptionPolicy;
import dev.ferry.scheduling.priority.PriorityPolicy;
import dev.ferry.scheduling.rebalance.Windows;
import dev.ferry.scheduling.tres.BillingMode;
import dev.ferry.scheduling.tres.TresWeights;
import dev.ferry.scheduling.usage.Decay;
import dev.ferry.scheduling.usage.ResetPeriod;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;

/**
 * How the coordinator decides who runs. Times are written 500ms, 10s, 2m; names behind a colon are Slurm's.
 *
 * @param tick how often use decays and running jobs are billed: PriorityCalcPeriod
 * @param halfLife of use: PriorityDecayHalfLife
 * @param usageReset when all use is forgotten: PriorityUsageResetPeriod
 * @param fairshare FAIR_TREE, CLASSIC or DEPTH_OBLIVIOUS
 * @param ties what Fair Tree does with accounts that are level: SLURM or DOCUMENTED
 * @param damping FairShareDampeningFactor
 * @param billing how weighted resources make one number: SUM, MAX_TRES or MAX_TRES_GRES
 * @param billingWeights of partitions that have none: TRESBillingWeights
 * @param weightTres PriorityWeightTRES
 * @param maxAge waiting time that gives the whole of the age factor: PriorityMaxAge
 * @param favorSmall small jobs get the larger job size factor: PriorityFavorSmall
 * @param packing which nodes jobs with GPUs go to: ALIGN, PACK or SPREAD
 * @param preemption whether jobs are suspended so that others get what is due to them
 * @param delay how long a job waits before room is made for it
 * @param hysteresis part of its due that an account must lack
 * @param minimumRun how long a job runs undisturbed after each start
 * @param spacing between two preemptions of one job
 * @param mostPerHour preemptions in any hour
 * @param mostMoving part of the cluster's time that may go into moving jobs
 * @param worth how much moving may cost, as a part of what it gives in the horizon
 * @param horizon for which what is given counts
 * @param interruption what each interruption of a job costs beside the moving: one GPU, or CPU, for so long
 * @param moves whether jobs that have room on other nodes are moved there so that those that are due find theirs
 * @param dueFirst whether jobs within the dues of their accounts go before others
 * @param parkMost for room that is needed for so long at most, jobs with GPUs are parked in main memory; 0: they are always stored
 * @param rebalanceWindows when jobs are moved together without being asked, UTC: 22:00-06:00; Sat-Sun 00:00-24:00; empty: never
 * @param rebalanceMoves how many jobs are moved so in any hour
 * @param decisions how many decisions are kept
 * @param decisionsAge for how long
 */
public record SchedulingConfig(
        String tick,
        String halfLife,
        ResetPeriod usageReset,
        FairshareMethod fairshare,
        Ties ties,
        int damping,
        BillingMode billing,
        String billingWeights,
        long weightAge,
        long weightAssociation,
        long weightFairshare,
        long weightJobSize,
        long weightPartition,
        long weightQos,
        String weightTres,
        String maxAge,
        boolean favorSmall,
        Packing packing,
        boolean preemption,
        String delay,
        double hysteresis,
        String minimumRun,
        String spacing,
        int mostPerHour,
        double mostMoving,
        double worth,
        String horizon,
        String interruption,
        boolean moves,
        boolean dueFirst,
        String parkMost,
        String rebalanceWindows,
        int rebalanceMoves,
        int decisions,
        String decisionsAge)
        implements Configs.Checked {
    public static SchedulingConfig defaults() {
        return new SchedulingConfig(
                "1m", "7d", ResetPeriod.NONE, FairshareMethod.FAIR_TREE, Ties.SLURM, 1, BillingMode.SUM, "CPU=1.0,Mem=0.25G,GRES/gpu=16", 1000, 0, 100_000, 0, 1000, 10_000, "", "7d", false, Packing.ALIGN, true, "2m",
                0.05, "10m", "1h", 1000, 0.05, 0.5, "1h", "20m", true, true, "30m", "", 16, 1000, "30d");
    }

    @Override
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        checkTime(problems, "tick", tick, 1);
        checkTime(problems, "halfLife", halfLife, 0);
        checkTime(problems, "maxAge", maxAge, 1);
        checkTime(problems, "delay", delay, 0);
        checkTime(problems, "minimumRun", minimumRun, 0);
        checkTime(problems, "spacing", spacing, 0);
        checkTime(problems, "horizon", horizon, 1);
        checkTime(problems, "interruption", interruption, 0);
        checkTime(problems, "parkMost", parkMost, 0);
        checkTime(problems, "decisionsAge", decisionsAge, 0);
        checkWeights(problems, "billingWeights", () -> TresWeights.parseBilling(billingWeights));
        checkWeights(problems, "weightTres", () -> TresWeights.parse(weightTres));
        check(problems, damping >= 1, "damping: must be 1 or more");
        check(problems, weightAge >= 0 && weightAssociation >= 0 && weightFairshare >= 0 && weightJobSize >= 0 && weightPartition >= 0 && weightQos >= 0, "weightAge, weightFairshare ...: must not be below 0");
        check(problems, hysteresis >= 0 && hysteresis <= 1, "hysteresis: must be 0 to 1");
        check(problems, mostPerHour >= 0, "mostPerHour: must not be below 0");
        check(problems, mostMoving >= 0 && mostMoving <= 1, "mostMoving: must be 0 to 1");
        check(problems, rebalanceMoves >= 0, "rebalanceMoves: must not be below 0");
        checkWindows(problems);
        check(problems, worth >= 0, "worth: must not be below 0");
        check(problems, decisions >= 0, "decisions: must not be below 0");
        return problems;
    }

    private static void check(List<String> problems, boolean well, String problem) {
        if (!well) {
            problems.add(problem);
        }
    }

    private static void checkTime(List<String> problems, String key, String value, long leastSeconds) {
        try {
            check(problems, seconds(value) >= leastSeconds, key + ": must be " + leastSeconds + "s or more");
        } catch (FerryException wrong) {
            problems.add(key + ": " + wrong.getMessage());
        }
    }

    private void checkWindows(List<String> problems) {
        try {
            var ignored = Windows.parse(rebalanceWindows);
        } catch (FerryException wrong) {
            problems.add("rebalanceWindows: " + wrong.getMessage());
        }
    }

    private static void checkWeights(List<String> problems, String key, Supplier<TresWeights> weights) {
        try {
            var ignored = weights.get();
        } catch (FerryException wrong) {
            problems.add(key + ": " + wrong.getMessage());
        }
    }

    private static long seconds(String text) {
        return Durations.parse(text).toSeconds();
    }

    public Decay decay() {
        return Decay.ofHalfLife(seconds(halfLife));
    }

    /** What a second of each resource costs where the partition does not say. */
    public TresWeights weights() {
        return TresWeights.parse(billingWeights);
    }

    public FairsharePolicy fairsharePolicy() {
        return new FairsharePolicy(fairshare, damping, ties);
    }

    public PriorityPolicy priorityPolicy() {
        return new PriorityPolicy(
                weightAge, weightAssociation, weightFairshare, weightJobSize, weightPartition, weightQos, TresWeights.parse(weightTres), seconds(maxAge), favorSmall, Set.of());
    }

    /** Seconds for which room may be needed so that jobs are parked for it. */
    long parkMostSeconds() {
        return seconds(parkMost);
    }

    public PreemptionPolicy preemptionPolicy() {
        return new PreemptionPolicy(
                seconds(delay), hysteresis, seconds(minimumRun), seconds(spacing), mostPerHour, mostMoving, worth, seconds(horizon), seconds(interruption), true, moves, dueFirst, true);
    }
}
