package dev.ferry.cli.output;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Columns for people: as wide as they must be, numbers to the right. */
public final class Table {
    private static final String GAP = "  ";

    private final List<String[]> rows = new ArrayList<>();

    public Table(String... head) {
        rows.add(head);
    }

    public Table row(String... cells) {
        rows.add(Arrays.stream(cells).map(cell -> cell.isEmpty() ? "-" : cell).toArray(String[]::new));
        return this;
    }

    @Override
    public String toString() {
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
            text.append(line.toString().stripTrailing()).append('\n');
        }
        return text.toString();
    }
}
