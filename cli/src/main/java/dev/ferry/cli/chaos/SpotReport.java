package dev.ferry.cli.chaos;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.ferry.cli.output.Json;
import dev.ferry.cli.output.Table;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * What the ends of machines brought.
 *
 * @param seed by which the same is chosen again
 * @param atTheEnd what was wrong with the results of jobs whose machines were taken away without a notice
 */
public record SpotReport(long seed, List<ToldMachine> told, List<UntoldMachine> untold, List<String> atTheEnd) {
    public SpotReport {
        told = List.copyOf(told);
        untold = List.copyOf(untold);
        atTheEnd = List.copyOf(atTheEnd);
    }

    /** What must never be. */
    public List<String> violations() {
        List<String> all = new ArrayList<>();
        told.forEach(one -> one.violations().forEach(what -> all.add("told machine " + one.number() + ": " + what)));
        untold.forEach(one -> one.violations().forEach(what -> all.add("untold machine " + one.number() + ": " + what)));
        all.addAll(atTheEnd);
        return all;
    }

    private List<UntoldMachine.Loss> losses() {
        return untold.stream().flatMap(one -> one.losses().stream()).toList();
    }

    /** For people. */
    public String table() {
        StringBuilder text = new StringBuilder();
        if (!told.isEmpty()) {
            Table table = new Table("CLOUD", "MACHINES", "JOBS", "PROMISED", "OF THEM SAVED", "OTHERS", "ESCAPED", "FROM AN OLDER IMAGE", "GONE", "PLANNED: SLOWEST", "ALL RAN AGAIN: SLOWEST");
            for (String cloud : told.stream().map(ToldMachine::cloud).distinct().sorted().toList()) {
                List<ToldMachine> these = told.stream().filter(one -> one.cloud().equals(cloud)).toList();
                int jobs = these.stream().mapToInt(ToldMachine::jobs).sum();
                int promised = these.stream().mapToInt(ToldMachine::promised).sum();
                table.row(
                        cloud, text(these.size()), text(jobs), text(promised), these.stream().allMatch(one -> one.violations().isEmpty()) ? "all" : "NOT ALL", text(jobs - promised), text(these.stream().mapToInt(ToldMachine::escaped).sum()),
                        text(these.stream().mapToInt(ToldMachine::fromImage).sum()), text(these.stream().mapToInt(ToldMachine::gone).sum()), seconds(these.stream().mapToLong(ToldMachine::planMillis)), seconds(these.stream().mapToLong(ToldMachine::millis)));
            }
            text.append(table).append('\n');
        }
        if (!untold.isEmpty()) {
            Table table = new Table("UNTOLD", "JOBS HIT", "LOST: MEDIAN", "MOST", "INTERVAL: LONGEST", "IMAGE: SLOWEST", "MORE THAN INTERVAL + IMAGE", "ALL RAN AGAIN: SLOWEST");
            long[] lost = losses().stream().mapToLong(UntoldMachine.Loss::lostMillis).sorted().toArray();
            table.row(
                    text(untold.size()), text(lost.length), lost.length == 0 ? "-" : seconds(LongStream.of(lost[lost.length / 2])), seconds(LongStream.of(lost)), seconds(losses().stream().mapToLong(UntoldMachine.Loss::intervalMillis)),
                    seconds(losses().stream().mapToLong(UntoldMachine.Loss::imageMillis)), text((int) losses().stream().filter(UntoldMachine.Loss::isOver).count()), seconds(untold.stream().mapToLong(UntoldMachine::millis)));
            text.append(table).append('\n');
        }
        violations().forEach(what -> text.append("VIOLATION  ").append(what).append('\n'));
        String end = violations().isEmpty() ? "every promise was kept, every loss was named or within its bound, every result is right" : violations().size() + " violations";
        return text.append(told.size() + " machines told, " + untold.size() + " untold, seed " + seed + ": " + end + "\n").toString();
    }

    private static String text(int number) {
        return Integer.toString(number);
    }

    private static String seconds(LongStream millis) {
        return String.format(Locale.ROOT, "%.1f s", millis.max().orElse(0) / 1e3);
    }

    /** The same for programs. */
    public String json() {
        Struct.Builder all = Struct.newBuilder();
        all.putFields("seed", Json.text(Long.toString(seed)));
        all.putFields("violations", Json.list(violations().stream().map(Json::text).toList()));
        all.putFields("told", Json.list(told.stream().map(SpotReport::json).toList()));
        all.putFields("untold", Json.list(untold.stream().map(SpotReport::json).toList()));
        return Json.print(all.build());
    }

    private static Value json(ToldMachine one) {
        return Json.struct(
                Struct.newBuilder()
                        .putFields("number", Json.number(one.number()))
                        .putFields("cloud", Json.text(one.cloud()))
                        .putFields("noticeMillis", Json.number(one.noticeMillis()))
                        .putFields("jobs", Json.number(one.jobs()))
                        .putFields("mebibytes", Json.number(one.mebibytes()))
                        .putFields("promised", Json.number(one.promised()))
                        .putFields("escaped", Json.number(one.escaped()))
                        .putFields("fromImage", Json.number(one.fromImage()))
                        .putFields("gone", Json.number(one.gone()))
                        .putFields("planMillis", Json.number(one.planMillis()))
                        .putFields("savedMillis", Json.number(one.savedMillis()))
                        .putFields("millis", Json.number(one.millis()))
                        .putFields("violations", Json.list(one.violations().stream().map(Json::text).toList())));
    }

    private static Value json(UntoldMachine one) {
        Stream<Value> losses =
                one.losses().stream()
                        .map(
                                loss ->
                                        Json.struct(
                                                Struct.newBuilder()
                                                        .putFields("job", Json.text(loss.job()))
                                                        .putFields("lostMillis", Json.number(loss.lostMillis()))
                                                        .putFields("intervalMillis", Json.number(loss.intervalMillis()))
                                                        .putFields("imageMillis", Json.number(loss.imageMillis()))
                                                        .putFields("othersMillis", Json.number(loss.othersMillis()))));
        return Json.struct(
                Struct.newBuilder()
                        .putFields("number", Json.number(one.number()))
                        .putFields("node", Json.text(one.node()))
                        .putFields("losses", Json.list(losses.toList()))
                        .putFields("millis", Json.number(one.millis()))
                        .putFields("violations", Json.list(one.violations().stream().map(Json::text).toList())));
    }
}
