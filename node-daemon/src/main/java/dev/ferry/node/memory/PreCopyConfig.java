package dev.ferry.node.memory;

import dev.ferry.common.Configs;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import java.util.ArrayList;
import java.util.List;

/**
 * What copying a job ahead, while it runs, may cost its node.
 *
 * @param bandwidth bytes of the job's memory that are read in a second
 * @param cpus how much of the node's CPUs the daemon may use meanwhile
 * @param rounds how often the memory is read at most
 * @param time after which no new round begins
 */
public record PreCopyConfig(String bandwidth, double cpus, int rounds, String time) implements Configs.Checked {
    public static PreCopyConfig defaults() {
        return new PreCopyConfig("512MiB", 0.5, 4, "60s");
    }

    @Override
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        try {
            if (Sizes.parse(bandwidth) < 1 << 20) {
                problems.add("bandwidth: must be at least 1MiB");
            }
        } catch (FerryException wrong) {
            problems.add("bandwidth: " + wrong.getMessage());
        }
        if (cpus <= 0) {
            problems.add("cpus: must be more than 0");
        }
        if (rounds < 1) {
            problems.add("rounds: must be at least 1");
        }
        try {
            if (Durations.parse(time).isZero()) {
                problems.add("time: must not be zero");
            }
        } catch (FerryException wrong) {
            problems.add("time: " + wrong.getMessage());
        }
        return problems;
    }
}
