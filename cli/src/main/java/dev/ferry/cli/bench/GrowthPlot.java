package dev.ferry.cli.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/** Series as an SVG: for each a picture of lines over a doubling scale, Ferry's whole and the other side's broken. */
final class GrowthPlot {
    private static final int WIDTH = 960;
    private static final int HEIGHT = 330;
    private static final int LEFT = 70;
    private static final int RIGHT = 620;
    private static final int TOP = 40;
    private static final int BOTTOM = 280;
    private static final int MARKS = 4;
    private static final String[] COLOURS = {"#1f77b4", "#2ca02c", "#d62728", "#9467bd"};

    private final StringBuilder text = new StringBuilder();

    private GrowthPlot() {}

    static String of(GrowthReport report) {
        GrowthPlot plot = new GrowthPlot();
        plot.add("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">%n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>%n", WIDTH, 2 * HEIGHT);
        plot.picture(0, "seconds by the memory of one process, MiB", report.bySize(), point -> point.load().mebibytes());
        plot.picture(HEIGHT, "seconds by the number of processes", report.byProcesses(), point -> point.load().processes());
        return plot.text.append("</svg>\n").toString();
    }

    private void add(String format, Object... values) {
        text.append(String.format(Locale.ROOT, format, values));
    }

    private void label(int x, int y, String words) {
        add("<text x=\"%d\" y=\"%d\">%s</text>%n", x, y, words.replace("&", "&amp;").replace("<", "&lt;"));
    }

    private void picture(int top, String title, List<Growth.Point> points, ToDoubleFunction<Growth.Point> along) {
        double most = points.stream().flatMap(point -> point.curves().stream()).flatMap(figure -> figure.sides().stream()).mapToDouble(Series::median).max().orElse(1);
        label(LEFT, top + TOP - 16, title);
        for (int mark = 0; mark <= MARKS; mark++) {
            int y = (int) Math.round(top + BOTTOM - (double) (BOTTOM - TOP) * mark / MARKS);
            add("<path d=\"M%d %dH%d\" stroke=\"#ddd\"/>%n", LEFT, y, RIGHT);
            label(8, y + 4, Figure.number(most * mark / MARKS));
        }
        for (Growth.Point point : points) {
            label((int) x(points, along, point) - 8, top + BOTTOM + 18, Figure.number(along.applyAsDouble(point)));
        }
        for (Growth.Curve curve : Growth.Curve.values()) {
            String colour = COLOURS[curve.ordinal()];
            int legend = top + TOP + 44 * curve.ordinal();
            line(points, along, curve, 0, top, most, "stroke=\"" + colour + "\" stroke-width=\"2\"");
            line(points, along, curve, 1, top, most, "stroke=\"" + colour + "\" stroke-dasharray=\"4 3\"");
            add("<path d=\"M%d %dh24\" stroke=\"%s\" stroke-width=\"2\"/>%n<path d=\"M%d %dh24\" stroke=\"%s\" stroke-dasharray=\"4 3\"/>%n", RIGHT + 20, legend, colour, RIGHT + 20, legend + 18, colour);
            label(RIGHT + 52, legend + 4, curve.title());
            label(RIGHT + 52, legend + 22, curve.other());
        }
    }

    /** Each doubling is as wide as the next. */
    private static double x(List<Growth.Point> points, ToDoubleFunction<Growth.Point> along, Growth.Point point) {
        double least = Math.log(along.applyAsDouble(points.getFirst()));
        double width = Math.log(along.applyAsDouble(points.getLast())) - least;
        return width <= 0 ? LEFT : LEFT + (RIGHT - LEFT) * (Math.log(along.applyAsDouble(point)) - least) / width;
    }

    private void line(List<Growth.Point> points, ToDoubleFunction<Growth.Point> along, Growth.Curve curve, int side, int top, double most, String style) {
        List<String> corners = new ArrayList<>();
        for (Growth.Point point : points) {
            double y = top + BOTTOM - (BOTTOM - TOP) * point.of(curve).sides().get(side).median() / most;
            corners.add(String.format(Locale.ROOT, "%.1f,%.1f", x(points, along, point), y));
        }
        // A line of one corner is not drawn.
        Optional<String> single = corners.size() == 1 ? Optional.of(corners.getFirst()) : Optional.empty();
        single.ifPresent(corners::add);
        add("<polyline points=\"%s\" fill=\"none\" stroke-linecap=\"round\" %s/>%n", String.join(" ", corners), style);
    }
}
