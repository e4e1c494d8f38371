package dev.ferry.storage.image;

/**
 * A window's length and {@link WindowHash}. It means something only to the process that has the key, and is told to nobody.
 *
 * @param length in bytes: the hash tells windows of one length apart
 */
record WindowDigest(int length, long a, long b, long c, long d) {}
