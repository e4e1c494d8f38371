package dev.ferry.cli.slurm;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.ferry.cli.output.Table;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A table whose cells are the texts that Slurm prints. */
public final class Rows {
    private final List<String> columns;
    private final List<Map<String, String>> rows = new ArrayList<>();

    Rows(String... columns) {
        this.columns = List.of(columns);
    }

    /** Adds a row: one text for each column. */
    Rows add(String... cells) {
        if (cells.length != columns.size()) {
            throw new IllegalArgumentException(cells.length + " cells for the columns " + columns);
        }
        Map<String, String> row = new LinkedHashMap<>();
        for (int at = 0; at < cells.length; at++) {
            row.put(columns.get(at), cells[at]);
        }
        rows.add(row);
        return this;
    }

    /** Rows by the names of their columns. */
    public List<Map<String, String>> rows() {
        return rows;
    }

    /** An array of objects. */
    public String json() {
        try {
            return new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(rows);
        } catch (JsonProcessingException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** For people. */
    public String table() {
        Table table = new Table(columns.toArray(String[]::new));
        rows.forEach(row -> table.row(row.values().toArray(String[]::new)));
        return table.toString();
    }
}
