package dev.ferry.chaos.simulation;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * One coordinator's door to the tables. Its process may be killed before a commit, which loses it, and after it, before anybody
 * has heard of it; and the database may fail.
 */
class MemoryStateStore implements StateStore {
    private final MemoryTables tables;
    private final World world;
    private final SimProcess process;
    private final long epoch;
    private final List<Consumer<Iterable<String>>> listeners = new ArrayList<>();

    MemoryStateStore(MemoryTables tables, World world, SimProcess process, long epoch) {
        this.tables = tables;
        this.world = world;
        this.process = process;
        this.epoch = epoch;
    }

    @Override
    public <T> T transact(Function<Transaction, T> work) {
        if (process.isDead()) {
            throw Simulation.crash();
        }
        if (world.faults().databaseFails()) {
            throw new FerryException(ErrorCode.DISK_FULL, "The disk of the database is full");
        }
        MemoryTransaction transaction = new MemoryTransaction(tables, process.millis(), this::requireLeader);
        T result = work.apply(transaction);
        if (!transaction.writes()) {
            return result;
        }
        requireLeader();
        world.beforeCommit(process, transaction);
        world.invariants().beforeCommit(epoch, transaction);
        transaction.commit();
        world.simulation().trace(() -> process + " writes " + transaction.changed);
        world.afterCommit(process);
        listeners.forEach(listener -> listener.accept(transaction.changed));
        if (world.faults().answerIsLost()) {
            world.simulation().trace(() -> "the database does not say so");
            throw new FerryException(ErrorCode.DATABASE_UNREACHABLE, "The database was cut off before it said what became of it");
        }
        return result;
    }

    /** Each transaction that writes compares the leader's epoch in the database with its own; one that only reads does not. */
    protected void requireLeader() {
        if (epoch != tables.epoch) {
            world.stepsDown(process);
            throw new FerryException(ErrorCode.WRONG_STATE, "This coordinator no longer leads: epoch " + tables.epoch + " has begun, its own is " + epoch);
        }
    }

    @Override
    public boolean canBeDeposed() {
        return !world.alone();
    }

    @Override
    public void onChange(Consumer<Iterable<String>> listener) {
        listeners.add(listener);
    }

    @Override
    public void close() {}
}
