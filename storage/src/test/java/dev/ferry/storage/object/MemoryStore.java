package dev.ferry.storage.object;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.ObjectStore;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentSkipListMap;

/** Objects in memory; each call happens at one moment. */
public final class MemoryStore implements ObjectStore {
    private final ConcurrentSkipListMap<String, byte[]> objects = new ConcurrentSkipListMap<>();

    private static byte[] copy(ByteBuffer content) {
        byte[] bytes = new byte[content.remaining()];
        content.duplicate().get(bytes);
        return bytes;
    }

    @Override
    public void put(String key, ByteBuffer content) {
        objects.put(key, copy(content));
    }

    @Override
    public void create(String key, ByteBuffer content) {
        if (objects.putIfAbsent(key, copy(content)) != null) {
            throw new FerryException(ErrorCode.OBJECT_EXISTS, "Object " + key + " is there");
        }
    }

    @Override
    public Optional<byte[]> get(String key) {
        return Optional.ofNullable(objects.get(key)).map(byte[]::clone);
    }

    @Override
    public void read(String key, long offset, ByteBuffer into) {
        byte[] object = objects.get(key);
        if (object == null || object.length < offset + into.remaining()) {
            throw new FerryException(ErrorCode.CHUNK_MISSING, "Object " + key + " is not there or ends before byte " + (offset + into.remaining()));
        }
        into.put(Arrays.copyOfRange(object, (int) offset, (int) offset + into.remaining()));
    }

    @Override
    public List<Entry> entries(String prefix) {
        return objects.tailMap(prefix).entrySet().stream().takeWhile(each -> each.getKey().startsWith(prefix)).map(each -> new Entry(each.getKey(), each.getValue().length, 0)).toList();
    }

    @Override
    public long delete(String key) {
        byte[] deleted = objects.remove(key);
        return deleted == null ? 0 : deleted.length;
    }

    @Override
    public long clearUnfinished(Duration olderThan) {
        return 0;
    }

    @Override
    public String describe() {
        return "memory";
    }

    @Override
    public void close() {}
}
