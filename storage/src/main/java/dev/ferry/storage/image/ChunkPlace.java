package dev.ferry.storage.image;

/**
 * Where a chunk lies.
 *
 * @param pack key of the pack
 * @param stored length in the pack; equal to the plain length: not compressed
 */
record ChunkPlace(String pack, long offset, int stored) {}
