package dev.ferry.coordinator.store;

import com.google.protobuf.Message;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * A list of rows that is asked for again and again, as it was read with what was written since. Nobody else writes, see {@link Kept}. To read and parse all jobs of a large cluster takes longer than
 * most of what is done with them. Used by one transaction at a time.
 */
final class KeptRows<T extends Message> {
    private final Function<T, String> id;
    private final Comparator<T> order;
    private final Predicate<T> belongs;
    /** In their order; null: not read. */
    private @Nullable LinkedHashMap<String, T> rows;
    private @Nullable List<T> list;

    /**
     * @param age by which the rows are ordered, then by id
     * @param belongs whether a row, as it is now, is one of the list
     */
    KeptRows(Function<T, String> id, ToLongFunction<T> age, Predicate<T> belongs) {
        this.id = id;
        this.belongs = belongs;
        order = Comparator.comparingLong(age).thenComparing(id);
    }

    /** A row of the list, if that was read. */
    Optional<T> known(String key) {
        return rows == null ? Optional.empty() : Optional.ofNullable(rows.get(key));
    }

    /** The rows now; not to be changed. */
    List<T> list(Supplier<List<T>> read) {
        if (rows == null) {
            LinkedHashMap<String, T> all = new LinkedHashMap<>();
            read.get().forEach(row -> all.put(id.apply(row), row));
            rows = all;
            list = null;
        }
        if (list == null) {
            list = List.copyOf(rows.values());
        }
        return list;
    }

    void written(T row) {
        if (rows == null) {
            return;
        }
        list = null;
        T before = rows.get(id.apply(row));
        Map.@Nullable Entry<String, T> last = rows.lastEntry();
        if (!belongs.test(row)) {
            rows.remove(id.apply(row));
        } else if (before == null ? last == null || order.compare(last.getValue(), row) < 0 : order.compare(before, row) == 0) {
            rows.put(id.apply(row), row);
        } else {
            // Its place is in the middle: the database knows where.
            rows = null;
        }
    }

    void deleted(String key) {
        if (rows != null) {
            rows.remove(key);
            list = null;
        }
    }

    /** What is there now is read when it is asked for. */
    void forget() {
        rows = null;
    }
}
