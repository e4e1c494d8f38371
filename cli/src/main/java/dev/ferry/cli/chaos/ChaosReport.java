package dev.ferry.cli.chaos;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.ferry.cli.output.Json;
import dev.ferry.cli.output.Table;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What a run brought.
 *
 * @param seed by which the same faults are chosen again
 * @param steps that the jobs did in all
 * @param failOvers from each kill of the coordinator that led until another one did; empty where there is one
 */
public record ChaosReport(long seed, int jobs, long steps, Duration took, List<Duration> failOvers, List<Round> rounds) {
    public ChaosReport {
        failOvers = List.copyOf(failOvers);
        rounds = List.copyOf(rounds);
    }

    /** What must never be, with the round in which it was seen. */
    public List<String> violations() {
        return rounds.stream().flatMap(round -> round.violations().stream().map(what -> "round " + round.number() + ", " + round.fault() + ", job " + round.job() + ": " + what)).toList();
    }

    private List<Round> of(Fault fault) {
        return rounds.stream().filter(round -> round.fault() == fault).toList();
    }

    private static Map<String, Long> outcomes(List<Round> rounds) {
        return rounds.stream().collect(Collectors.groupingBy(Round::outcome, TreeMap::new, Collectors.counting()));
    }

    private static long percentile(List<Round> rounds, double part) {
        long[] sorted = rounds.stream().mapToLong(Round::millis).sorted().toArray();
        return sorted[(int) Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
    }

    /** For people. */
    public String table() {
        Table table = new Table("FAULT", "ROUNDS", "OUTCOMES OF THE OPERATION", "FROM AN IMAGE", "RAN AGAIN: MEDIAN", "SLOWEST");
        for (Fault fault : Fault.values()) {
            List<Round> these = of(fault);
            if (!these.isEmpty()) {
                String outcomes = outcomes(these).entrySet().stream().map(outcome -> outcome.getValue() + " " + outcome.getKey()).collect(Collectors.joining(", "));
                long restored = these.stream().filter(Round::restored).count();
                table.row(fault.name(), Integer.toString(these.size()), outcomes, Long.toString(restored), seconds(percentile(these, 0.5)), seconds(percentile(these, 1)));
            }
        }
        StringBuilder text = new StringBuilder(table.toString()).append('\n');
        if (!failOvers.isEmpty()) {
            List<Duration> sorted = failOvers.stream().sorted().toList();
            text.append(sorted.size() + " fail-overs: median " + seconds(sorted.get(sorted.size() / 2).toMillis()) + ", slowest " + seconds(sorted.getLast().toMillis()) + "\n");
        }
        violations().forEach(what -> text.append("VIOLATION  ").append(what).append('\n'));
        return text.append(rounds.size() + " migrations, " + jobs + " jobs, " + steps + " steps witnessed, seed " + seed + ", " + took.toSeconds() + " s: ")
                .append(violations().isEmpty() ? "no job was lost, none lived twice, no operation is stuck\n" : violations().size() + " violations\n")
                .toString();
    }

    private static String seconds(long millis) {
        return String.format(java.util.Locale.ROOT, "%.1f s", millis / 1e3);
    }

    /** The same for programs. */
    public String json() {
        Struct.Builder all = Struct.newBuilder();
        all.putFields("seed", Json.text(Long.toString(seed)));
        all.putFields("jobs", Json.number(jobs));
        all.putFields("steps", Json.number(steps));
        all.putFields("seconds", Json.number(took.toMillis() / 1e3));
        all.putFields("failOverMillis", Json.list(failOvers.stream().map(time -> Json.number(time.toMillis())).toList()));
        all.putFields("violations", Json.list(violations().stream().map(Json::text).toList()));
        all.putFields("faults", Json.list(Arrays.stream(Fault.values()).filter(fault -> !of(fault).isEmpty()).map(this::json).toList()));
        all.putFields("rounds", Json.list(rounds.stream().map(ChaosReport::json).toList()));
        return Json.print(all.build());
    }

    private Value json(Fault fault) {
        List<Round> these = of(fault);
        Struct.Builder outcomes = Struct.newBuilder();
        outcomes(these).forEach((outcome, count) -> outcomes.putFields(outcome, Json.number(count)));
        return Json.struct(
                Struct.newBuilder()
                        .putFields("fault", Json.text(fault.name()))
                        .putFields("meaning", Json.text(fault.meaning()))
                        .putFields("rounds", Json.number(these.size()))
                        .putFields("outcomes", Json.struct(outcomes))
                        .putFields("fromAnImage", Json.number(these.stream().filter(Round::restored).count()))
                        .putFields("medianMillis", Json.number(percentile(these, 0.5)))
                        .putFields("slowestMillis", Json.number(percentile(these, 1))));
    }

    private static Value json(Round round) {
        return Json.struct(
                Struct.newBuilder()
                        .putFields("round", Json.number(round.number()))
                        .putFields("job", Json.text(round.job()))
                        .putFields("fault", Json.text(round.fault().name()))
                        .putFields("step", Json.text(round.step()))
                        .putFields("live", Value.newBuilder().setBoolValue(round.live()).build())
                        .putFields("outcome", Json.text(round.outcome()))
                        .putFields("millis", Json.number(round.millis()))
                        .putFields("fromAnImage", Value.newBuilder().setBoolValue(round.restored()).build())
                        .putFields("violations", Json.list(round.violations().stream().map(Json::text).toList())));
    }
}
