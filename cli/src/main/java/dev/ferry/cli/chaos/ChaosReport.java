package dev.ferry.cli.chaos;

import com.google.protobuf.ListValue;
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
 */
public record ChaosReport(long seed, int jobs, long steps, Duration took, List<Round> rounds) {
    public ChaosReport {
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
        all.putFields("seed", text(Long.toString(seed)));
        all.putFields("jobs", number(jobs));
        all.putFields("steps", number(steps));
        all.putFields("seconds", number(took.toMillis() / 1e3));
        all.putFields("violations", list(violations().stream().map(ChaosReport::text).toList()));
        all.putFields("faults", list(Arrays.stream(Fault.values()).filter(fault -> !of(fault).isEmpty()).map(this::json).toList()));
        all.putFields("rounds", list(rounds.stream().map(ChaosReport::json).toList()));
        return Json.print(all.build());
    }

    private Value json(Fault fault) {
        List<Round> these = of(fault);
        Struct.Builder outcomes = Struct.newBuilder();
        outcomes(these).forEach((outcome, count) -> outcomes.putFields(outcome, number(count)));
        return struct(
                Struct.newBuilder()
                        .putFields("fault", text(fault.name()))
                        .putFields("meaning", text(fault.meaning()))
                        .putFields("rounds", number(these.size()))
                        .putFields("outcomes", struct(outcomes))
                        .putFields("fromAnImage", number(these.stream().filter(Round::restored).count()))
                        .putFields("medianMillis", number(percentile(these, 0.5)))
                        .putFields("slowestMillis", number(percentile(these, 1))));
    }

    private static Value json(Round round) {
        return struct(
                Struct.newBuilder()
                        .putFields("round", number(round.number()))
                        .putFields("job", text(round.job()))
                        .putFields("fault", text(round.fault().name()))
                        .putFields("step", text(round.step()))
                        .putFields("live", Value.newBuilder().setBoolValue(round.live()).build())
                        .putFields("outcome", text(round.outcome()))
                        .putFields("millis", number(round.millis()))
                        .putFields("fromAnImage", Value.newBuilder().setBoolValue(round.restored()).build())
                        .putFields("violations", list(round.violations().stream().map(ChaosReport::text).toList())));
    }

    private static Value struct(Struct.Builder fields) {
        return Value.newBuilder().setStructValue(fields).build();
    }

    private static Value list(List<Value> values) {
        return Value.newBuilder().setListValue(ListValue.newBuilder().addAllValues(values)).build();
    }

    private static Value text(String value) {
        return Value.newBuilder().setStringValue(value).build();
    }

    private static Value number(double value) {
        return Value.newBuilder().setNumberValue(value).build();
    }
}
