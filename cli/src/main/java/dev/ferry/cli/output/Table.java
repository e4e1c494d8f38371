package dev.ferry.cli.output;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;

/** Columns for people: as wide as they must be, numbers to the right. */
public final class Table {
    private static final String GAP = "  ";
    private static final String CUT = "...";
    /** Columns of its last cell that a line keeps on the narrowest terminal. */
    private static final int LEAST = 8;

    private final List<String[]> rows = new ArrayList<>();

    public Table(String... head) {
        rows.add(head);
    }

    public Table row(String... cells) {
        rows.add(Arrays.stream(cells).map(cell -> cell.isEmpty() ? "-" : Texts.plain(cell)).toArray(String[]::new));
        return this;
    }

    /** As wide as the terminal, where one reads it. */
    @Override
    public String toString() {
        return text(Terminal.width());
    }

    /**
     * All rows.
     *
     * @param most columns of a line: the last cell is cut to them, and no other; empty: nothing is cut
     */
    String text(OptionalInt most) {
        int columns = rows.getFirst().length;
        int[] widths = new int[columns];
        boolean[] numbers = new boolean[columns];
        for (int column = 0; column < columns; column++) {
            int at = column;
            widths[column] = rows.stream().mapToInt(row -> row[at].length()).max().orElse(0);
            numbers[column] = rows.size() > 1 && rows.stream().skip(1).allMatch(row -> row[at].matches("-|[\\d.]+( ?([KMGT]?i?B|ms|s))?"));
        }
        StringBuilder text = new StringBuilder();
        for (String[] row : rows) {
            StringBuilder line = new StringBuilder();
            for (int column = 0; column < columns; column++) {
                String pad = " ".repeat(widths[column] - row[column].length());
                line.append(numbers[column] ? pad + row[column] : row[column] + pad).append(GAP);
            }
            text.append(cut(line.toString().stripTrailing(), line.length() - GAP.length() - widths[columns - 1], most)).append('\n');
        }
        return text.toString();
    }

    private static String cut(String line, int last, OptionalInt most) {
        if (most.isEmpty() || line.length() <= most.getAsInt()) {
            return line;
        }
        int end = Math.max(last + LEAST, most.getAsInt());
        return line.length() <= end ? line : line.substring(0, end - CUT.length()) + CUT;
    }
}
