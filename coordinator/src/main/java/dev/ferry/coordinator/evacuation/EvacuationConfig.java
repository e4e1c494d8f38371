package dev.ferry.coordinator.evacuation;

import dev.ferry.common.Configs;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.scheduling.fresh.FreshPolicy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * How machines that go away are emptied.
 *
 * @param margin how long before the deadline the last image should be whole
 * @param finalNotice how long a machine is taken to live on after a final notice that gives no time
 * @param maintenanceLead how long before a maintenance its machine is emptied
 * @param link what a node is taken to send in a second, until dumps have been measured
 * @param scan what one dump is taken to read in a second, until dumps have been measured
 * @param parallel how many dumps at most a node makes at the same time
 * @param checkpoint how often images of jobs are made that say nothing themselves: auto, exposed, never, or a time
 * @param mostFrozen which share of its time a job may stand still for such images
 */
public record EvacuationConfig(String margin, String finalNotice, String maintenanceLead, String link, String scan, int parallel, String checkpoint, double mostFrozen) implements Configs.Checked {
    private static final Duration FIXED = Duration.ofSeconds(2);
    private static final int MOST_PARALLEL = 16;

    public static EvacuationConfig defaults() {
        return new EvacuationConfig("2s", "2m", "15m", "100MiB", "400MiB", 2, Policies.EXPOSED, FreshPolicy.USUAL_SHARE);
    }

    @Override
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        check(problems, "margin", margin, Durations::parse);
        check(problems, "finalNotice", finalNotice, Durations::parse);
        check(problems, "maintenanceLead", maintenanceLead, Durations::parse);
        check(problems, "link", link, EvacuationConfig::positive);
        check(problems, "scan", scan, EvacuationConfig::positive);
        if (parallel < 1 || parallel > MOST_PARALLEL) {
            problems.add("parallel: must be between 1 and " + MOST_PARALLEL);
        }
        check(problems, "checkpoint", checkpoint, Policies::parse);
        if (!(mostFrozen > 0) || mostFrozen > 1) {
            problems.add("mostFrozen: must be above 0 and at most 1");
        }
        return problems;
    }

    private static void positive(String size) {
        if (Sizes.parse(size) <= 0) {
            throw new FerryException(dev.ferry.proto.v1.ErrorCode.INVALID_ARGUMENT, "must be more than nothing");
        }
    }

    private static void check(List<String> problems, String key, String value, Consumer<String> parser) {
        try {
            parser.accept(value);
        } catch (FerryException wrong) {
            problems.add(key + ": " + wrong.getMessage());
        }
    }

    /** What is assumed until dumps have been measured. */
    Pace assumed() {
        return new Pace(Sizes.parse(scan), Sizes.parse(link), FIXED, parallel);
    }
}
