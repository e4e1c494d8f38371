package dev.ferry.node.posix;

/**
 * A file or folder by what it is and not by its name, which may come to mean another.
 *
 * @param device as stat's st_dev
 * @param inode as stat's st_ino
 */
public record FileIdentity(long device, long inode) {}
