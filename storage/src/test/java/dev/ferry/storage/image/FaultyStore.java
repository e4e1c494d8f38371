package dev.ferry.storage.image;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.ObjectStore;
import java.nio.ByteBuffer;
import java.util.function.Predicate;

/** A real store some of whose writes fail. */
final class FaultyStore extends ForwardingStore {
    private final Predicate<String> failing;
    private final ErrorCode failure;

    FaultyStore(ObjectStore real, Predicate<String> failing, ErrorCode failure) {
        super(real);
        this.failing = failing;
        this.failure = failure;
    }

    private void check(String key) {
        if (failing.test(key)) {
            throw new FerryException(failure, "Can't write " + key + " in " + describe() + ": the test says so");
        }
    }

    @Override
    public void put(String key, ByteBuffer content) {
        check(key);
        super.put(key, content);
    }

    @Override
    public void create(String key, ByteBuffer content) {
        check(key);
        super.create(key, content);
    }
}
