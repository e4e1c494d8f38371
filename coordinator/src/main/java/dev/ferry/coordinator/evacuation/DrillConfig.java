package dev.ferry.coordinator.evacuation;

import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * What is rehearsed without anybody asking.
 *
 * @param nodeEvery how often a node is drilled, another each time; 0s: only on demand
 * @param notice how long before its end such a node is taken to be told
 * @param restoreEvery how often images are restored for trial; 0s: only on demand
 * @param sample how many images each time
 */
public record DrillConfig(String nodeEvery, String notice, String restoreEvery, int sample) {
    /** Of one drill. */
    public static final int MOST_IMAGES = 100;


    public static DrillConfig defaults() {
        return new DrillConfig("0s", "2m", "0s", 3);
    }

    Duration everyNode() {
        return Durations.parse(nodeEvery);
    }

    Duration everyRestore() {
        return Durations.parse(restoreEvery);
    }

    Duration told() {
        return Durations.parse(notice);
    }

    /** One line for each problem, each beginning with the key. */
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        check(problems, "nodeEvery", nodeEvery, false);
        check(problems, "notice", notice, true);
        check(problems, "restoreEvery", restoreEvery, false);
        if (sample < 1 || sample > MOST_IMAGES) {
            problems.add("sample: must be between 1 and " + MOST_IMAGES);
        }
        return problems;
    }

    private static void check(List<String> problems, String key, String value, boolean positive) {
        try {
            if (Durations.parse(value).isZero() && positive) {
                problems.add(key + ": must not be zero");
            }
        } catch (FerryException wrong) {
            problems.add(key + ": " + wrong.getMessage());
        }
    }
}
