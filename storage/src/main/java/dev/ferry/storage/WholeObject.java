package dev.ferry.storage;

import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.proto.v1.ErrorCode;

/** How large an object may be that is read as one. Whatever lies in a store, reading it must not take all memory of a process. */
public final class WholeObject {
    /** It is there twice while it is decrypted, and what is made of it needs room too. */
    private static final int PARTS_OF_MEMORY = 4;
    private static final long LONGEST_ARRAY = Integer.MAX_VALUE - 8;

    private WholeObject() {}

    /** Bytes. */
    public static long most() {
        return Math.min(LONGEST_ARRAY, Runtime.getRuntime().maxMemory() / PARTS_OF_MEMORY);
    }

    /**
     * @param object and where it lies, for people
     * @param size as far as it is known, for people
     */
    public static FerryException tooLarge(String object, String size) {
        return new FerryException(ErrorCode.OBJECT_TOO_LARGE, object + " has " + size + ", and this process reads at most " + Sizes.format(most()) + " into memory at once");
    }
}
