package dev.ferry.coordinator.store;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.util.Optional;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.JdbiException;

/**
 * State in a PostgreSQL database that several coordinators share, of which one leads. Each transaction that writes first
 * takes a share of the leader's row and looks at its epoch. If the epoch is another by now, nothing is written, however
 * late the write comes; while the share is held, nobody can take over. So what a transaction has read before its first
 * write is still so when it writes: the next leader writes nothing before it has raised the epoch, and that would be seen.
 */
public final class PostgresStateStore extends SqlStateStore {
    private final PostgresDatabase database;
    private final long epoch;

    /**
     * @param epoch in which this coordinator leads, see {@link LeaderRow}
     */
    public PostgresStateStore(PostgresDatabase database, long epoch) {
        this.database = database;
        this.epoch = epoch;
    }

    @Override
    Handle begin() {
        Handle handle = database.jdbi().open();
        try {
            return handle.begin();
        } catch (RuntimeException failed) {
            handle.close();
            throw failed;
        }
    }

    @Override
    void release(Handle handle) {
        handle.close();
    }

    @Override
    public boolean canBeDeposed() {
        return true;
    }

    /** The share is one in the row's keys, of which the epoch is one: whoever takes over waits for it, and a renewal, which changes no key, does not. */
    @Override
    void fence(Handle handle) {
        Optional<Long> now = handle.createQuery("SELECT epoch FROM leader WHERE one = 1 FOR KEY SHARE").mapTo(Long.class).findOne();
        if (now.isEmpty() || now.get() != epoch) {
            throw new FerryException(ErrorCode.NOT_LEADER, "This coordinator no longer leads: epoch " + now.map(String::valueOf).orElse("?") + " has begun, its own is " + epoch);
        }
    }

    /** Else each statement would see what was written before it, by whoever leads by then. */
    @Override
    void holdStill(Handle handle) {
        handle.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
    }

    /** The leader goes on confirming that it leads meanwhile: else all nodes' leases would end. */
    @Override
    void reading(Runnable work) {
        work.run();
    }

    @Override
    FerryException translate(JdbiException failed) {
        return database.translate(failed);
    }

    /** The database stays open: it is its owner's. */
    @Override
    public void close() {
        alone(() -> {});
    }
}
