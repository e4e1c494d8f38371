package dev.ferry.storage.image;

import dev.ferry.storage.ObjectStore;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** A real store, for doubles that do one thing otherwise. */
public abstract class ForwardingStore implements ObjectStore {
    private final ObjectStore real;

    protected ForwardingStore(ObjectStore real) {
        this.real = real;
    }

    @Override
    public void put(String key, ByteBuffer content) {
        real.put(key, content);
    }

    @Override
    public void create(String key, ByteBuffer content) {
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
    public List<Entry> entries(String prefix) {
        return real.entries(prefix);
    }

    @Override
    public long clearUnfinished(Duration olderThan) {
        return real.clearUnfinished(olderThan);
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
