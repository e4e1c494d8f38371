package dev.ferry.coordinator.store;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.StateRow;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.JdbiException;

/** What both databases have in common: transactions of this process run one after the other. */
public abstract class SqlStateStore implements StateStore {
    private final ReentrantLock turn = new ReentrantLock(true);
    private final List<Consumer<Iterable<String>>> listeners = new CopyOnWriteArrayList<>();

    /** A connection for one transaction, which has begun on it; given back by {@link #release}. */
    abstract Handle begin();

    abstract void release(Handle handle);

    /** Called in each transaction before its first write. */
    abstract void fence(Handle handle);

    abstract FerryException translate(JdbiException failed);

    /** Called at the begin of a transaction that reads all there is. */
    abstract void holdStill(Handle handle);

    @Override
    public final <T> T transact(Function<Transaction, T> work) {
        return run(work::apply);
    }

    @Override
    public final void export(Consumer<StateRow> each) {
        try {
            reading(
                    () -> {
                        Handle handle = begin();
                        try {
                            holdStill(handle);
                            new StateRows(handle).forEach(each);
                        } finally {
                            handle.rollback();
                            release(handle);
                        }
                    });
        } catch (JdbiException failed) {
            throw translate(failed);
        }
    }

    /** Runs what only reads, on a transaction of its own: beside others where the database keeps them apart. */
    abstract void reading(Runnable work);

    /**
     * Takes in a whole state, or nothing of it.
     *
     * @param rows gives the rows, and fails if they are not whole
     * @throws FerryException WRONG_STATE when there is a state already
     */
    public final void load(StateFile.Source rows) {
        run(
                transaction -> {
                    transaction.requireLeader();
                    new StateRows(transaction.handle()).requireNone();
                    rows.forEach(row -> StateRows.insert(transaction, row));
                    return true;
                });
    }

    private <T> T run(Function<SqlTransaction, T> work) {
        if (turn.isHeldByCurrentThread()) {
            throw new IllegalStateException("a transaction in a transaction");
        }
        SqlTransaction transaction;
        T result;
        turn.lock();
        try {
            Handle handle = begin();
            try {
                transaction = new SqlTransaction(handle, this::fence);
                result = work.apply(transaction);
                handle.commit();
            } catch (RuntimeException | Error failed) {
                rollBack(handle, failed);
                throw failed;
            } finally {
                release(handle);
            }
        } catch (JdbiException failed) {
            throw translate(failed);
        } finally {
            turn.unlock();
        }
        if (!transaction.changed().isEmpty()) {
            listeners.forEach(listener -> listener.accept(transaction.changed()));
        }
        return result;
    }

    private static void rollBack(Handle handle, Throwable cause) {
        try {
            handle.rollback();
        } catch (RuntimeException failed) {
            cause.addSuppressed(failed);
        }
    }

    /** Runs something between two transactions. */
    final void alone(Runnable work) {
        turn.lock();
        try {
            work.run();
        } finally {
            turn.unlock();
        }
    }

    @Override
    public final void onChange(Consumer<Iterable<String>> listener) {
        listeners.add(listener);
    }
}
