package dev.ferry.coordinator.store;

import com.google.protobuf.Message;
import com.google.protobuf.Parser;
import java.util.Collections;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A table that holds a protobuf message in its column {@code record}, beside the columns that it is looked up by.
 *
 * @param columns the first is the primary key
 */
record RecordTable<T extends Message>(String name, Parser<T> parser, List<Column<T>> columns) {
    /**
     * A column that is made from the record.
     *
     * @param value text or a whole number
     */
    record Column<T>(String name, Function<T, Object> value) {}

    String key() {
        return columns.getFirst().name();
    }

    /** Inserts a record or takes the place of the one with its key. */
    String upsert() {
        Stream<String> changing = Stream.concat(columns.stream().skip(1).map(Column::name), Stream.of("record"));
        return "INSERT INTO " + name + " (" + columns.stream().map(Column::name).collect(Collectors.joining(", ")) + ", record) VALUES ("
                + String.join(", ", Collections.nCopies(columns.size() + 1, "?"))
                + ") ON CONFLICT (" + key() + ") DO UPDATE SET "
                + changing.map(column -> column + " = excluded." + column).collect(Collectors.joining(", "));
    }

    /** What {@link #upsert} asks for, in its order. */
    Object[] values(T record) {
        return Stream.concat(columns.stream().map(column -> column.value().apply(record)), Stream.of(record.toByteArray())).toArray();
    }
}
