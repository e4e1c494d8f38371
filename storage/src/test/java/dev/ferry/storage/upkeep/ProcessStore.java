package dev.ferry.storage.upkeep;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.ObjectStore;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;

/** The store as one process sees it, which waits for its turn before each call and may be killed before or after one. */
final class ProcessStore implements ObjectStore {
    /** When a process goes on, and how. */
    interface Turns {
        enum Turn {
            GO,
            KILL_BEFORE,
            KILL_AFTER
        }

        Turn await(String call);
    }

    private final ObjectStore shared;
    private final Turns turns;
    private volatile boolean dead;

    ProcessStore(ObjectStore shared, Turns turns) {
        this.shared = shared;
        this.turns = turns;
    }

    boolean isDead() {
        return dead;
    }

    private <T> T call(String what, Callable<T> call) {
        if (dead) {
            throw killed();
        }
        Turns.Turn turn = turns.await(what);
        dead = turn != Turns.Turn.GO;
        if (turn == Turns.Turn.KILL_BEFORE) {
            throw killed();
        }
        try {
            T answer = call.call();
            if (dead) {
                throw killed();
            }
            return answer;
        } catch (RuntimeException failed) {
            throw failed;
        } catch (Exception impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static FerryException killed() {
        return new FerryException(ErrorCode.STORE_UNREACHABLE, "this process was killed by the test");
    }

    @Override
    public void put(String key, ByteBuffer content) {
        boolean ignored = call("put " + key, () -> {
            shared.put(key, content);
            return true;
        });
    }

    @Override
    public void create(String key, ByteBuffer content) {
        boolean ignored = call("create " + key, () -> {
            shared.create(key, content);
            return true;
        });
    }

    @Override
    public Optional<byte[]> get(String key) {
        return call("get " + key, () -> shared.get(key));
    }

    @Override
    public void read(String key, long offset, ByteBuffer into) {
        boolean ignored = call("read " + key, () -> {
            shared.read(key, offset, into);
            return true;
        });
    }

    @Override
    public List<Entry> entries(String prefix) {
        return call("list " + prefix, () -> shared.entries(prefix));
    }

    @Override
    public long delete(String key) {
        return call("delete " + key, () -> shared.delete(key));
    }

    @Override
    public long clearUnfinished(Duration olderThan) {
        return call("clear", () -> shared.clearUnfinished(olderThan));
    }

    @Override
    public String describe() {
        return shared.describe();
    }

    @Override
    public void close() {}
}
