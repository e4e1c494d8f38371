package dev.ferry.storage.image;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.ObjectStore;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/** A real store some of whose writes fail. */
record FaultyStore(ObjectStore real, Predicate<String> failing, ErrorCode failure) implements ObjectStore {
    private void check(String key) {
        if (failing.test(key)) {
            throw new FerryException(failure, "Can't write " + key + " in " + describe() + ": the test says so");
        }
    }

    @Override
    public void put(String key, ByteBuffer content) {
        check(key);
        real.put(key, content);
    }

    @Override
    public void create(String key, ByteBuffer content) {
        check(key);
        real.create(key, content);
    }

    @Override
    public Optional<byte[]> get(String key) {
        return real.get(key);
    }

    @Override
    public void read(String key, long offset, ByteBuffer into) {
        real.read(key, offset, into);
    }

    @Override
    public List<String> list(String prefix) {
        return real.list(prefix);
    }

    @Override
    public long delete(String key) {
        return real.delete(key);
    }

    @Override
    public String describe() {
        return real.describe();
    }

    @Override
    public void close() {
        real.close();
    }
}
