package dev.ferry.coordinator.store;

import dev.ferry.proto.v1.StateRow;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * Jobs, operations, images and nodes, durable. A transaction is seen by all or by none, and is on disk when
 * the call returns. Transactions run one after the other, so that what one has read is still so when it
 * writes. Safe for threads.
 */
public interface StateStore extends AutoCloseable {
    /**
     * Runs a transaction; an exception undoes it and passes through.
     *
     * @throws dev.ferry.common.FerryException DISK_FULL, INTERNAL when the database fails
     */
    <T> T transact(Function<Transaction, T> work);

    /** Is told the keys (ids of jobs and operations, names of nodes) that each transaction has changed, after it. */
    void onChange(Consumer<Iterable<String>> listener);

    /** Whether another coordinator may take over without this one's knowledge; each transaction of one that was deposed fails. */
    boolean canBeDeposed();

    /**
     * Gives every row there is, as they were at one moment, for {@link StateFile}. Nothing else is written meanwhile.
     *
     * @throws dev.ferry.common.FerryException INTERNAL when the database fails; WRONG_STATE while another export is written
     */
    default void export(Consumer<StateRow> each) {
        throw new UnsupportedOperationException("this state is nowhere that it could be taken from");
    }

    @Override
    void close();
}
