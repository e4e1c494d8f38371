package dev.ferry.storage.image;

import com.google.protobuf.ByteString;
import dev.ferry.proto.v1.ChunkList;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/** The chunks of one run of bytes, filled in by workers in any order. */
final class ChunkRun {
    /**
     * One chunk.
     *
     * @param check see {@link ChunkCheck}
     * @param place null for zeros
     */
    private record Entry(ChunkName name, long check, int length, @Nullable ChunkPlace place) {}

    private final List<@Nullable Entry> entries = new ArrayList<>();
    private long bytes;

    /** Reserves the next place in the run. */
    synchronized int next(int length) {
        entries.add(null);
        bytes += length;
        return entries.size() - 1;
    }

    synchronized void set(int index, ChunkName name, long check, int length, @Nullable ChunkPlace place) {
        entries.set(index, new Entry(name, check, length, place));
    }

    synchronized long bytes() {
        return bytes;
    }

    /**
     * @param packIndex index of a pack's key in the manifest
     */
    synchronized ChunkList toList(ToIntFunction<String> packIndex) {
        ChunkList.Builder list = ChunkList.newBuilder();
        ByteBuffer hashes = ByteBuffer.allocate(entries.size() * ChunkName.BYTES);
        ByteBuffer checks = ByteBuffer.allocate(entries.size() * ChunkCheck.BYTES);
        for (Entry entry : entries) {
            if (entry == null) {
                throw new IllegalStateException("a chunk of the run was not finished");
            }
            entry.name().write(hashes);
            checks.putLong(entry.check());
            list.addLengths(entry.length());
            ChunkPlace place = entry.place();
            list.addPack(place == null ? 0 : packIndex.applyAsInt(place.pack()));
            list.addOffset(place == null ? 0 : place.offset());
            list.addStored(place == null ? 0 : place.stored());
        }
        return list.setHashes(ByteString.copyFrom(hashes.flip())).setChecks(ByteString.copyFrom(checks.flip())).build();
    }
}
