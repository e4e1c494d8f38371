package dev.ferry.storage.plain;

import java.util.Set;

/** CRIU's files of one dump, wherever they lie. */
public interface PlainFiles {
    /** Their names. */
    Set<String> names();

    /**
     * All of one of CRIU's small files, into memory.
     *
     * @throws dev.ferry.common.FerryException when it is larger than such a file can be, or can't be read
     */
    byte[] read(String name);
}
