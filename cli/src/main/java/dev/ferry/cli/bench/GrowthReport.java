package dev.ferry.cli.bench;

import com.google.protobuf.ListValue;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.ferry.cli.output.Json;
import java.util.List;
import java.util.Map;

/**
 * Both series of {@link Growth}.
 *
 * @param missing what could not be measured, and why
 */
record GrowthReport(Map<String, String> conditions, List<Growth.Point> bySize, List<Growth.Point> byProcesses, List<String> missing) implements Results {
    GrowthReport {
        bySize = List.copyOf(bySize);
        byProcesses = List.copyOf(byProcesses);
        missing = List.copyOf(missing);
    }

    @Override
    public String table() {
        StringBuilder text = new StringBuilder();
        conditions.forEach((key, value) -> text.append(key).append(": ").append(value).append('\n'));
        table(text, "with the memory of one process", bySize);
        table(text, "with the number of processes", byProcesses);
        missing.forEach(line -> text.append("\nnot measured: ").append(line).append('\n'));
        return text.toString();
    }

    private static void table(StringBuilder text, String title, List<Growth.Point> points) {
        text.append("\nHow it grows ").append(title).append(":\n\n| memory | processes | memory in the image |");
        for (Growth.Curve curve : Growth.Curve.values()) {
            text.append(' ').append(curve.title()).append(" | ").append(curve.other()).append(" |");
        }
        text.append("\n| --- | --- | --- |").append(" --- | --- |".repeat(Growth.Curve.values().length)).append('\n');
        for (Growth.Point point : points) {
            text.append("| ").append(point.load().mebibytes()).append(" MiB | ").append(point.load().processes()).append(" | ").append(Figure.number(point.imageMebibytes())).append(" MiB |");
            for (Growth.Curve curve : Growth.Curve.values()) {
                point.of(curve).sides().forEach(side -> text.append(' ').append(BenchReport.series(side, "s")).append(" |"));
            }
            text.append('\n');
        }
    }

    @Override
    public boolean isWhole() {
        return missing.isEmpty();
    }

    @Override
    public String json() {
        ListValue.Builder lines = ListValue.newBuilder();
        missing.forEach(line -> lines.addValues(Value.newBuilder().setStringValue(line)));
        return Json.print(
                Struct.newBuilder()
                        .putFields("conditions", BenchReport.conditions(conditions))
                        .putFields("bySize", json(bySize))
                        .putFields("byProcesses", json(byProcesses))
                        .putFields("missing", Value.newBuilder().setListValue(lines).build())
                        .build());
    }

    private static Value json(List<Growth.Point> points) {
        ListValue.Builder list = ListValue.newBuilder();
        for (Growth.Point point : points) {
            ListValue.Builder curves = ListValue.newBuilder();
            point.curves().forEach(figure -> curves.addValues(Value.newBuilder().setStructValue(BenchReport.json(figure))));
            list.addValues(
                    Value.newBuilder()
                            .setStructValue(
                                    Struct.newBuilder()
                                            .putFields("mebibytes", Json.number(point.load().mebibytes()))
                                            .putFields("processes", Json.number(point.load().processes()))
                                            .putFields("imageMebibytes", Json.number(point.imageMebibytes()))
                                            .putFields("figures", Value.newBuilder().setListValue(curves).build())));
        }
        return Value.newBuilder().setListValue(list).build();
    }

    @Override
    public String svg() {
        return GrowthPlot.of(this);
    }
}
