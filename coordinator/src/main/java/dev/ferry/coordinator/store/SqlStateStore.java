package dev.ferry.coordinator.store;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.StateRow;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.JdbiException;
import org.jspecify.annotations.Nullable;

/** What both databases have in common: transactions of this process run one after the other. */
public abstract class SqlStateStore implements StateStore {
    /** Longer than all statements of a transaction that the database lets go on, and than a backup keeps the others waiting. */
    private static final Duration TURN = Duration.ofSeconds(60);
    /** Of the stack of whoever hangs. */
    private static final int MOST_FRAMES = 20;

    private final ReentrantLock turn = new ReentrantLock(true);
    /** Each export has a connection for as long as it takes, and whoever renews the term must find one, however many ask for a backup. */
    private final Semaphore exports = new Semaphore(1);
    /** Of whoever has the turn. */
    private final Kept kept = Kept.nothing();
    private boolean keeps = true;
    private volatile @Nullable Thread holder;
    private volatile Duration patience = TURN;
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
        if (!exports.tryAcquire()) {
            throw new FerryException(ErrorCode.WRONG_STATE, "Another backup of the state is being written: one at a time. Try it again when that is done");
        }
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
        } finally {
            exports.release();
        }
    }

    /** Runs what only reads, on a transaction of its own: beside others where the database keeps them apart. */
    abstract void reading(Runnable work);

    /**
     * Takes in a whole state, or nothing of it.
     *
     * @param rows gives the rows, and fails if they are not whole
     * @param wentOn whether the coordinator whose rows they are went on after they were written
     * @throws FerryException WRONG_STATE when there is a state already
     */
    public final void load(StateFile.Source rows, boolean wentOn) {
        run(
                transaction -> {
                    transaction.requireLeader();
                    new StateRows(transaction.handle()).requireNone();
                    rows.forEach(row -> StateRows.insert(transaction, row, wentOn));
                    kept.forget();
                    return true;
                });
    }

    /**
     * A coordinator has worked with this database.
     *
     * @throws FerryException WRONG_STATE: none ever has
     */
    public final void requireState() {
        run(
                transaction -> {
                    new StateRows(transaction.handle()).requireSome();
                    return true;
                });
    }

    private <T> T run(Function<SqlTransaction, T> work) {
        if (turn.isHeldByCurrentThread()) {
            throw new IllegalStateException("a transaction in a transaction");
        }
        Set<String> written = new HashSet<>();
        try {
            T result = inTurn(work, written);
            tell(written);
            return result;
        } catch (FerryException failed) {
            if (failed.code() == ErrorCode.DATABASE_UNREACHABLE) {
                // The commit was not answered and may be written. One that was refused is not: who is told of it would try it again at once, for ever.
                tell(written);
            }
            throw failed;
        }
    }

    private void tell(Set<String> written) {
        if (!written.isEmpty()) {
            listeners.forEach(listener -> listener.accept(written));
        }
    }

    /**
     * @param written is told the keys that the transaction changes, from when they may be in the database
     */
    private <T> T inTurn(Function<SqlTransaction, T> work, Set<String> written) {
        takeTurn();
        try {
            if (!keeps) {
                kept.forget();
            }
            Handle handle = begin();
            SqlTransaction transaction = new SqlTransaction(handle, this::fence, kept);
            try {
                T result = work.apply(transaction);
                written.addAll(transaction.changed());
                handle.commit();
                return result;
            } catch (RuntimeException | Error failed) {
                if (transaction.writes()) {
                    kept.forget();
                }
                rollBack(handle, failed);
                throw failed;
            } finally {
                release(handle);
            }
        } catch (JdbiException failed) {
            FerryException translated = translate(failed);
            if (translated.code() == ErrorCode.DATABASE_UNREACHABLE && !written.isEmpty()) {
                // It may still be written, and seen only after it was read here anew: from now on each transaction reads for itself.
                keeps = false;
            }
            throw translated;
        } finally {
            endTurn();
        }
    }

    /** For how long a transaction waits for those before it. */
    final void waitAtMost(Duration time) {
        patience = time;
    }

    /** Whoever keeps the turn for so long hangs: the others are told, and don't hang with it one after the other. */
    private void takeTurn() {
        boolean interrupted = false;
        long end = System.nanoTime() + patience.toNanos();
        try {
            while (true) {
                try {
                    if (turn.tryLock(end - System.nanoTime(), TimeUnit.NANOSECONDS)) {
                        holder = Thread.currentThread();
                        return;
                    }
                    throw hangs();
                } catch (InterruptedException later) {
                    // Who waits for his turn has it: an interrupt is for what comes after the transaction.
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private void endTurn() {
        holder = null;
        turn.unlock();
    }

    private FerryException hangs() {
        Thread now = holder;
        List<String> where = now == null ? List.of() : Arrays.stream(now.getStackTrace()).map(frame -> "at " + frame).limit(MOST_FRAMES).toList();
        String who = now == null ? "" : " (thread '" + now.getName() + "')";
        return new FerryException(ErrorCode.DATABASE_UNREACHABLE, "Nothing can be read or written: a transaction" + who + " has not ended for " + patience.toSeconds() + " s", where, null);
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
        takeTurn();
        try {
            work.run();
        } finally {
            endTurn();
        }
    }

    @Override
    public final void onChange(Consumer<Iterable<String>> listener) {
        listeners.add(listener);
    }
}
