package dev.ferry.coordinator.store;

import com.google.protobuf.Message;
import com.google.protobuf.Parser;
import java.util.function.Function;
import java.util.function.ToLongFunction;

/**
 * A kind of record that is kept in the table that all such kinds share.
 *
 * @param name stands in the database and is never changed
 * @param id what identifies a record among those of its kind
 * @param parent what it belongs to, for example a job or an account; empty: nothing
 * @param sort orders the records, for example a time in milliseconds
 */
public record RecordKind<T extends Message>(String name, Parser<T> parser, Function<T, String> id, Function<T, String> parent, ToLongFunction<T> sort) {
    /** A kind whose records belong to nothing and have no order but their ids'. */
    public static <T extends Message> RecordKind<T> of(String name, Parser<T> parser, Function<T, String> id) {
        return new RecordKind<>(name, parser, id, record -> "", record -> 0);
    }

    /** The key under which a change of a record is told. */
    public String changeKey(String id) {
        return name + "/" + id;
    }
}
