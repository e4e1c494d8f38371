package dev.ferry.storage.image;

import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.Manifest;

/**
 * Where a chunk lies.
 *
 * @param pack key of the pack
 * @param stored length in the pack; equal to the plain length: not compressed
 */
record ChunkPlace(String pack, long offset, int stored) {
    /** Of a chunk in one of a manifest's lists, which is not zeros. */
    static ChunkPlace of(Manifest manifest, ChunkList list, int index) {
        return new ChunkPlace(manifest.getPacks(list.getPack(index)), list.getOffset(index), list.getStored(index));
    }
}
