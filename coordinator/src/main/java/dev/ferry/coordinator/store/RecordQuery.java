package dev.ferry.coordinator.store;

import java.util.Optional;

/**
 * Which records of a kind are wanted, and in which order: by {@link RecordKind#sort} and id, upwards unless said
 * otherwise.
 *
 * @param parent only those of this parent; empty: all
 * @param from the smallest sort that is wanted
 * @param before the smallest sort that is not wanted any more
 * @param descending the largest sort comes first
 * @param atMost how many at most, the first ones in the order asked for
 */
public record RecordQuery(Optional<String> parent, long from, long before, boolean descending, int atMost) {
    /** All records of a kind. */
    public static RecordQuery all() {
        return new RecordQuery(Optional.empty(), Long.MIN_VALUE, Long.MAX_VALUE, false, Integer.MAX_VALUE);
    }

    /** All records of one parent. */
    public static RecordQuery of(String parent) {
        return new RecordQuery(Optional.of(parent), Long.MIN_VALUE, Long.MAX_VALUE, false, Integer.MAX_VALUE);
    }

    /** Only those from a sort on. */
    public RecordQuery from(long sort) {
        return new RecordQuery(parent, sort, before, descending, atMost);
    }

    /** Only those before a sort. */
    public RecordQuery before(long sort) {
        return new RecordQuery(parent, from, sort, descending, atMost);
    }

    /** In the other order. */
    public RecordQuery newestFirst() {
        return new RecordQuery(parent, from, before, true, atMost);
    }

    /** No more than some. */
    public RecordQuery atMost(int most) {
        return new RecordQuery(parent, from, before, descending, most);
    }
}
