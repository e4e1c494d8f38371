package dev.ferry.cli.bench;

import java.util.List;
import java.util.Locale;

/** Figures as an SVG: for each a bar of each side, with the spread as a line and the target as a mark. */
final class BenchPlot {
    private static final int WIDTH = 960;
    private static final int LEFT = 20;
    private static final int BARS = 330;
    private static final int LENGTH = 440;
    private static final int BAR = 12;
    private static final int ROW = 16;
    private static final int HEAD = 34;
    private static final String[] COLOURS = {"#1f77b4", "#999999"};

    private final StringBuilder text = new StringBuilder();

    private BenchPlot() {}

    static String of(BenchReport report) {
        return new BenchPlot().draw(report);
    }

    private String draw(BenchReport report) {
        int height = 60 + report.figures().stream().mapToInt(figure -> HEAD + ROW * figure.sides().size()).sum();
        text.append(String.format(Locale.ROOT, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">%n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>%n", WIDTH, height));
        label(LEFT, 24, "ferry bench: " + String.join(", ", report.conditions().values()));
        int y = 44;
        for (Figure figure : report.figures()) {
            label(LEFT, y + 12, figure.name() + ": " + Figure.number(figure.result()) + figure.target().map(most -> ", to reach " + Figure.number(most)).orElse(""));
            y += HEAD - ROW;
            y = bars(figure, y);
            y += ROW;
        }
        return text.append("</svg>\n").toString();
    }

    private int bars(Figure figure, int top) {
        List<Series> sides = figure.sides();
        double longest = Math.max(1e-9, sides.stream().mapToDouble(Series::most).max().orElse(1));
        int y = top;
        for (int i = 0; i < sides.size(); i++) {
            Series side = sides.get(i);
            double length = LENGTH * side.median() / longest;
            text.append(String.format(Locale.ROOT, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>%n", BARS, y, Math.max(1, length), BAR, COLOURS[Math.min(i, 1)]));
            text.append(
                    String.format(
                            Locale.ROOT, "<path d=\"M%.1f %dH%.1f\" stroke=\"#000\"/>%n", BARS + LENGTH * side.least() / longest, y + BAR / 2, BARS + LENGTH * side.most() / longest));
            label(LEFT + 20, y + 10, side.side());
            label(BARS + LENGTH + 10, y + 10, Figure.number(side.median()) + " " + figure.unit());
            y += ROW;
        }
        if (sides.size() > 1 && figure.target().isPresent()) {
            double x = BARS + Math.min(LENGTH, LENGTH * figure.target().get() * sides.get(1).median() / longest);
            text.append(String.format(Locale.ROOT, "<path d=\"M%.1f %dV%d\" stroke=\"#d62728\" stroke-dasharray=\"3 2\"/>%n", x, top - 2, y));
        }
        return y;
    }

    private void label(int x, int y, String words) {
        String plain = words.replace("&", "&amp;").replace("<", "&lt;");
        text.append(String.format(Locale.ROOT, "<text x=\"%d\" y=\"%d\">%s</text>%n", x, y, plain));
    }
}
