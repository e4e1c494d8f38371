package dev.ferry.cli.simulation;

import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.simulate.Report;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/** One policy's course as an SVG: use by account against its share, utilisation, queue, preemptions; one panel each, one axis of time. */
final class Plot {
    private static final int WIDTH = 960;
    private static final int PANEL = 150;
    private static final int LEFT = 70;
    private static final int RIGHT = 150;
    private static final int TOP = 40;
    private static final int GAP = 34;
    private static final double DAY = 86_400;
    private static final String[] COLOURS = {"#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#7f7f7f"};

    private final Report report;
    private final StringBuilder text = new StringBuilder();
    private final double end;

    private Plot(Report report) {
        this.report = report;
        end = Math.max(1, report.samples().isEmpty() ? 1 : report.samples().getLast().at());
    }

    static String of(Report report, AccountTree tree, double capacity) {
        return new Plot(report).draw(tree, capacity);
    }

    private String draw(AccountTree tree, double capacity) {
        int height = TOP + 4 * (PANEL + GAP);
        text.append(String.format(Locale.ROOT, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">%n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>%n", WIDTH, height));
        label(LEFT, 20, "start", "#000", "Policy " + report.name());
        int top = TOP;
        frame(top, "held by account (dashed: its share)", 1);
        int colour = 0;
        double shares = 0;
        for (int account : tree.children(0)) {
            shares += tree.get(account).shares();
        }
        for (int account : tree.children(0)) {
            String stroke = COLOURS[colour % COLOURS.length];
            int[] members = tree.children(account);
            line(top, 1, sample -> sum(sample.holds(), members) / capacity, stroke);
            double y = top + PANEL * (1 - tree.get(account).shares() / Math.max(1, shares));
            text.append(String.format(Locale.ROOT, "<path d=\"M%d %.1fH%d\" stroke=\"%s\" stroke-dasharray=\"4 4\" opacity=\"0.6\"/>%n", LEFT, y, WIDTH - RIGHT, stroke));
            label(WIDTH - RIGHT + 10, top + 12 + 14 * colour, "start", stroke, tree.get(account).account());
            colour++;
        }
        top += PANEL + GAP;
        frame(top, "part of the cluster that is held", 1);
        line(top, 1, sample -> Arrays.stream(sample.holds()).sum() / capacity, COLOURS[0]);
        top += PANEL + GAP;
        double longest = report.samples().stream().mapToDouble(Report.Sample::waiting).max().orElse(1);
        frame(top, "jobs that wait", longest);
        line(top, longest, Report.Sample::waiting, COLOURS[1]);
        top += PANEL + GAP;
        double most = Math.max(1, report.preemptions());
        frame(top, "preemptions so far", most);
        line(top, most, Report.Sample::preemptions, COLOURS[3]);
        return text.append("</svg>\n").toString();
    }

    private static double sum(double[] holds, int[] of) {
        return Arrays.stream(of).mapToDouble(at -> holds[at]).sum();
    }

    private void frame(int top, String title, double highest) {
        text.append(String.format(Locale.ROOT, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#bbb\"/>%n", LEFT, top, WIDTH - LEFT - RIGHT, PANEL));
        label(LEFT, top - 5, "start", "#000", title);
        label(LEFT - 6, top + 10, "end", "#555", highest <= 1 ? "100 %" : String.format(Locale.ROOT, "%.0f", highest));
        label(LEFT - 6, top + PANEL, "end", "#555", "0");
        for (int day = 1; day * DAY < end; day++) {
            double x = x(day * DAY);
            text.append(String.format(Locale.ROOT, "<path d=\"M%.1f %dv%d\" stroke=\"#eee\"/>%n", x, top, PANEL));
            label((int) x, top + PANEL + 13, "middle", "#555", "day " + day);
        }
    }

    private double x(double at) {
        return LEFT + at / end * (WIDTH - LEFT - RIGHT);
    }

    private void line(int top, double highest, ToDoubleFunction<Report.Sample> value, String stroke) {
        List<Report.Sample> samples = report.samples();
        StringBuilder points = new StringBuilder();
        for (Report.Sample sample : samples) {
            double part = Math.min(1, value.applyAsDouble(sample) / Math.max(1e-9, highest));
            points.append(String.format(Locale.ROOT, "%.1f,%.1f ", x(sample.at()), top + PANEL * (1 - part)));
        }
        text.append("<polyline fill=\"none\" stroke=\"").append(stroke).append("\" points=\"").append(points.toString().stripTrailing()).append("\"/>\n");
    }

    private void label(int x, int y, String anchor, String fill, String words) {
        String plain = words.replace("&", "&amp;").replace("<", "&lt;");
        text.append(String.format(Locale.ROOT, "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\" fill=\"%s\">%s</text>%n", x, y, anchor, fill, plain));
    }
}
