package dev.ferry.cli.bench;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * One thing that was measured.
 *
 * @param unit s, MiB, or a word for a bare number
 * @param sides what Ferry measured first, then what it is compared with, if anything
 * @param target what to reach: at most so much of the second side's median or, without one, of the figure itself
 * @param note what else a reader must know
 */
record Figure(String name, String unit, List<Series> sides, Optional<Double> target, String note) {
    Figure {
        sides = List.copyOf(sides);
    }

    static Figure compared(String name, String unit, List<Double> ferry, String other, List<Double> theirs, double target, String note) {
        return new Figure(name, unit, List.of(new Series("ferry", ferry), new Series(other, theirs)), Optional.of(target), note);
    }

    /** Compared with another side, without a target. */
    static Figure beside(String name, String unit, List<Double> ferry, String other, List<Double> theirs, String note) {
        return new Figure(name, unit, List.of(new Series("ferry", ferry), new Series(other, theirs)), Optional.empty(), note);
    }

    static Figure alone(String name, String unit, List<Double> ferry, Optional<Double> target, String note) {
        return new Figure(name, unit, List.of(new Series("ferry", ferry)), target, note);
    }

    /** Ferry's median, as a part of the other side's where there is one. */
    double result() {
        double ours = sides.getFirst().median();
        return sides.size() == 1 ? ours : ours / sides.get(1).median();
    }

    /** Whether the target was reached; empty: there is none. */
    Optional<Boolean> reached() {
        return target.map(most -> result() <= most);
    }

    /** A value with three digits that count. */
    static String number(double value) {
        return Math.abs(value) >= 100 ? String.format(Locale.ROOT, "%.0f", value) : String.format(Locale.ROOT, "%.3g", value);
    }
}
