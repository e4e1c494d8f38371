package dev.ferry.node.volumes;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/**
 * What stat(2) says of a file, without following a symlink.
 *
 * @param mode type and permissions
 * @param modifiedNanos since 1970, UTC
 * @param changedNanos time of the last change of content or inode, since 1970, UTC
 */
record FileFacts(int mode, int uid, int gid, long inode, long size, int links, long modifiedNanos, long changedNanos) {
    private static final int TYPE_MASK = 0170000;
    private static final int TYPE_SOCKET = 0140000;
    private static final int TYPE_SYMLINK = 0120000;
    private static final int TYPE_REGULAR = 0100000;
    private static final int TYPE_DIRECTORY = 0040000;
    private static final int TYPE_FIFO = 0010000;

    static FileFacts of(Path file) throws IOException {
        Map<String, Object> facts = Files.readAttributes(file, "unix:mode,uid,gid,ino,size,nlink,lastModifiedTime,ctime", LinkOption.NOFOLLOW_LINKS);
        return new FileFacts(
                (int) number(facts, "mode"),
                (int) number(facts, "uid"),
                (int) number(facts, "gid"),
                number(facts, "ino"),
                number(facts, "size"),
                (int) number(facts, "nlink"),
                nanos(facts, "lastModifiedTime"),
                nanos(facts, "ctime"));
    }

    boolean isSocket() {
        return is(TYPE_SOCKET);
    }

    boolean isSymlink() {
        return is(TYPE_SYMLINK);
    }

    boolean isRegular() {
        return is(TYPE_REGULAR);
    }

    boolean isDirectory() {
        return is(TYPE_DIRECTORY);
    }

    boolean isFifo() {
        return is(TYPE_FIFO);
    }

    private boolean is(int type) {
        return (mode & TYPE_MASK) == type;
    }

    private static long number(Map<String, Object> facts, String name) {
        return ((Number) Objects.requireNonNull(facts.get(name), name)).longValue();
    }

    private static long nanos(Map<String, Object> facts, String name) {
        return ((FileTime) Objects.requireNonNull(facts.get(name), name)).to(TimeUnit.NANOSECONDS);
    }
}
