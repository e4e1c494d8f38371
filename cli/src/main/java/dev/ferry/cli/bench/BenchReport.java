package dev.ferry.cli.bench;

import com.google.protobuf.ListValue;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.ferry.cli.output.Json;
import java.util.List;
import java.util.Map;

/**
 * All that was measured in one run.
 *
 * @param conditions of the machine and the run, for people
 */
record BenchReport(Map<String, String> conditions, List<Figure> figures) implements Results {
    BenchReport {
        figures = List.copyOf(figures);
    }

    @Override
    public String table() {
        StringBuilder text = new StringBuilder();
        conditions.forEach((key, value) -> text.append(key).append(": ").append(value).append('\n'));
        text.append("\n| what | Ferry: median (least to most) | beside it | result | to reach |\n| --- | --- | --- | --- | --- |\n");
        for (Figure figure : figures) {
            text.append("| ").append(figure.name());
            if (!figure.note().isEmpty()) {
                text.append(" (").append(figure.note()).append(')');
            }
            text.append(" | ").append(series(figure.sides().getFirst(), figure.unit())).append(" | ");
            if (figure.sides().size() > 1) {
                Series other = figure.sides().get(1);
                text.append(other.side()).append(": ").append(series(other, figure.unit()));
            }
            text.append(" | ").append(Figure.number(figure.result())).append(" | ").append(target(figure)).append(" |\n");
        }
        return text.toString();
    }

    static String series(Series series, String unit) {
        String spread = series.values().size() == 1 ? "" : " (" + Figure.number(series.least()) + " to " + Figure.number(series.most()) + ")";
        return Figure.number(series.median()) + " " + unit + spread;
    }

    private static String target(Figure figure) {
        return figure.target().map(most -> "at most " + Figure.number(most) + (figure.reached().orElse(false) ? ": reached" : ": missed")).orElse("");
    }

    @Override
    public String svg() {
        return BenchPlot.of(this);
    }

    @Override
    public String json() {
        Struct.Builder all = Struct.newBuilder();
        all.putFields("conditions", conditions(conditions));
        ListValue.Builder list = ListValue.newBuilder();
        figures.forEach(figure -> list.addValues(Value.newBuilder().setStructValue(json(figure))));
        return Json.print(all.putFields("figures", Value.newBuilder().setListValue(list).build()).build());
    }

    static Value conditions(Map<String, String> conditions) {
        Struct.Builder run = Struct.newBuilder();
        conditions.forEach((key, value) -> run.putFields(key, Json.text(value)));
        return Value.newBuilder().setStructValue(run).build();
    }

    static Struct json(Figure figure) {
        Struct.Builder one = Struct.newBuilder().putFields("name", Json.text(figure.name())).putFields("unit", Json.text(figure.unit())).putFields("note", Json.text(figure.note())).putFields("result", Json.number(figure.result()));
        figure.target().ifPresent(most -> one.putFields("target", Json.number(most)));
        figure.reached().ifPresent(reached -> one.putFields("reached", Value.newBuilder().setBoolValue(reached).build()));
        ListValue.Builder sides = ListValue.newBuilder();
        for (Series series : figure.sides()) {
            ListValue.Builder values = ListValue.newBuilder();
            series.values().forEach(value -> values.addValues(Json.number(value)));
            Struct.Builder side =
                    Struct.newBuilder().putFields("side", Json.text(series.side())).putFields("median", Json.number(series.median())).putFields("values", Value.newBuilder().setListValue(values).build());
            sides.addValues(Value.newBuilder().setStructValue(side));
        }
        return one.putFields("sides", Value.newBuilder().setListValue(sides).build()).build();
    }
}
