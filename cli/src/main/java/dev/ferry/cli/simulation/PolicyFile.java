package dev.ferry.cli.simulation;

import dev.ferry.common.Configs;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.scheduling.fairshare.FairsharePolicy;
import dev.ferry.scheduling.pass.Packing;
import dev.ferry.scheduling.preempt.PreemptionPolicy;
import dev.ferry.scheduling.simulate.SimulationPolicy;
import dev.ferry.scheduling.usage.Decay;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the compared policies have in common, and the guards of the one with hysteresis. Times are written 500ms, 10s, 2m.
 *
 * @param halfLife of usage
 * @param tick how often usage decays and the queue is ranked anew
 * @param dump for how long a job that is moved still holds its GPUs
 * @param restore for how long it holds them again before it goes on
 */
public record PolicyFile(
        String halfLife, String tick, String dump, String restore, Packing packing, String delay, double hysteresis, String minimumRun, String spacing, int mostPerHour, double mostMoving, double worth, String horizon, String interruption, boolean moves, boolean dueFirst, boolean ageing)
        implements Configs.Checked {
    public static PolicyFile defaults() {
        return new PolicyFile("7d", "1m", "20s", "30s", Packing.ALIGN, "2m", 0.05, "10m", "1h", 1000, 0.05, 0.5, "1h", "20m", true, true, true);
    }

    @Override
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        check(problems, "halfLife", halfLife);
        check(problems, "tick", tick);
        check(problems, "dump", dump);
        check(problems, "restore", restore);
        check(problems, "delay", delay);
        check(problems, "minimumRun", minimumRun);
        check(problems, "spacing", spacing);
        check(problems, "horizon", horizon);
        check(problems, "interruption", interruption);
        if (problems.isEmpty() && seconds(tick) < 1) {
            problems.add("tick: must be 1s or more");
        }
        if (hysteresis < 0 || hysteresis > 1) {
            problems.add("hysteresis: must be 0 to 1");
        }
        if (mostPerHour < 0) {
            problems.add("mostPerHour: must not be below 0");
        }
        if (mostMoving < 0 || mostMoving > 1) {
            problems.add("mostMoving: must be 0 to 1");
        }
        if (!(worth >= 0)) {
            problems.add("worth: must not be below 0");
        }
        return problems;
    }

    private static void check(List<String> problems, String key, String value) {
        try {
            long ignored = seconds(value);
        } catch (FerryException wrong) {
            problems.add(key + ": " + wrong.getMessage());
        }
    }

    private static long seconds(String text) {
        return Durations.parse(text).toSeconds();
    }

    /** Those that are compared, by what each has more than the one before. */
    List<SimulationPolicy> compared() {
        PreemptionPolicy guarded = new PreemptionPolicy(seconds(delay), hysteresis, seconds(minimumRun), seconds(spacing), mostPerHour, mostMoving, worth, seconds(horizon), seconds(interruption), true, moves, dueFirst, ageing);
        return List.of(
                policy("fifo", false, null, true),
                policy("fair", true, null, true),
                policy("fair+kill", true, PreemptionPolicy.naive(), false),
                policy("fair+checkpoint", true, PreemptionPolicy.naive(), true),
                policy("fair+checkpoint+hysteresis", true, guarded, true));
    }

    private SimulationPolicy policy(String name, boolean fair, @Nullable PreemptionPolicy preemption, boolean saved) {
        return new SimulationPolicy(name, fair, preemption, saved, seconds(dump), seconds(restore), Decay.ofHalfLife(seconds(halfLife)), FairsharePolicy.fairTree(), packing, seconds(tick));
    }
}
