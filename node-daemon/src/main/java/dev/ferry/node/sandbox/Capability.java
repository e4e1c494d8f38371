package dev.ferry.node.sandbox;

import java.util.Arrays;
import java.util.List;

/** The capabilities of a job: what container engines leave to root by default, without MKNOD, for a job needs no device nodes of its own. */
public enum Capability {
    AUDIT_WRITE(29),
    CHOWN(0),
    DAC_OVERRIDE(1),
    FOWNER(3),
    FSETID(4),
    KILL(5),
    NET_BIND_SERVICE(10),
    NET_RAW(13),
    SETFCAP(31),
    SETGID(6),
    SETPCAP(8),
    SETUID(7),
    SYS_CHROOT(18);

    private final int number;

    Capability(int number) {
        this.number = number;
    }

    /** All of them as the kernel has them: a bit each. */
    public static long bits() {
        return Arrays.stream(values()).mapToLong(each -> 1L << each.number).sum();
    }

    /** All of them as runc calls them. */
    static List<String> names() {
        return Arrays.stream(values()).map(each -> "CAP_" + each).toList();
    }
}
