package dev.ferry.coordinator;

import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.Retention;
import dev.ferry.storage.upkeep.Collector;
import java.util.ArrayList;
import java.util.List;

/**
 * How the store is kept in order. Times are written 500ms, 10s, 2m.
 *
 * @param collectEvery how often garbage is collected; 0s: only on demand
 * @param grace how long a condemned pack waits before it is deleted
 * @param staleDump after how long a dump that has made no image counts as dead
 * @param keepLast how many of a job's newest images are kept; keepLast, keepHourly and keepDaily all 0: every image
 * @param keepHourly for how many of the newest hours that have images their newest one is kept
 * @param keepDaily the same for days
 * @param keepAfterSuccess how many images are kept of a job that ended with success; negative: as before
 * @param keepEnded how long jobs that have ended are kept when they have no images; 0s: for ever
 */
public record UpkeepConfig(String collectEvery, String grace, String staleDump, int keepLast, int keepHourly, int keepDaily, int keepAfterSuccess, String keepEnded) {
    public static UpkeepConfig defaults() {
        return new UpkeepConfig("30m", "10m", "24h", 0, 0, 0, -1, "30d");
    }

    /** Terms of collections alone; every image and every job is kept. */
    public static UpkeepConfig ofCollections(String collectEvery, String grace, String staleDump) {
        return new UpkeepConfig(collectEvery, grace, staleDump, 0, 0, 0, -1, "0s");
    }

    /** What holds for jobs that say nothing else. */
    public Retention retention() {
        return Retention.newBuilder().setLast(keepLast).setHourly(keepHourly).setDaily(keepDaily).setAfterSuccess(keepAfterSuccess).build();
    }

    /** One line for each thing that is wrong, beginning with the key. */
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        checkTime(problems, "collectEvery", collectEvery);
        checkTime(problems, "grace", grace);
        checkTime(problems, "staleDump", staleDump);
        checkTime(problems, "keepEnded", keepEnded);
        if (problems.isEmpty() && Durations.parse(staleDump).toMinutes() < 1) {
            problems.add("staleDump: must be a minute at least; dumps that take longer are given up");
        }
        if (keepLast < 0 || keepHourly < 0 || keepDaily < 0) {
            problems.add("keepLast, keepHourly and keepDaily must not be negative");
        }
        return problems;
    }

    private static void checkTime(List<String> problems, String key, String value) {
        try {
            if (Durations.parse(value).isNegative()) {
                problems.add(key + ": must not be negative");
            }
        } catch (FerryException wrong) {
            problems.add(key + ": " + wrong.getMessage());
        }
    }

    /** The collector's terms. */
    public Collector.Terms terms() {
        return new Collector.Terms(Durations.parse(grace), Durations.parse(staleDump));
    }
}
