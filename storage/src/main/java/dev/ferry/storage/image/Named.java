package dev.ferry.storage.image;

/**
 * What a manifest says of a window's bytes.
 *
 * @param check see {@link ChunkCheck}
 */
record Named(ChunkName name, long check) {}
